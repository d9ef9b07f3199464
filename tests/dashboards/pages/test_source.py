"""What the pages read: once, until the study moves on."""

from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from dashboards.pages.source import StudySource
from spaces.errors import SelectionError
from storage.claims import ClaimRepository
from storage.repository import Repository
from tests.builders import build_outcome, claim_trial, create_study, run_trial
from tests.dashboards.builders import realistic_snapshot
from tests.dashboards.stored import open_database, services_of, store


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return open_database(tmp_path)


def _source(engine: Engine) -> StudySource:
    return StudySource(services_of(engine))


def test_view_has_all_in_brief_and_the_front_in_full(engine: Engine) -> None:
    snapshot = realistic_snapshot()
    store(engine, snapshot, name="study")
    view = _source(engine).view("study", chosen=[7, 999])
    assert [trial.number for trial in view.trials] == list(range(30))
    assert view.details.front_numbers == tuple(sorted(snapshot.front_numbers))
    full = {trial.number for trial in view.details.trials}
    assert full == {0, 1, 7, *snapshot.front_numbers}


def test_second_look_reads_no_trial_again(engine: Engine) -> None:
    store(engine, realistic_snapshot(), name="study")
    source = _source(engine)
    source.view("study")
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    source.view("study")
    assert not any("violations" in statement for statement in statements)


def test_new_results_appear_and_running_trials_change(engine: Engine) -> None:
    repository, claims = Repository(engine), ClaimRepository(engine)
    study = create_study(repository)
    source = _source(engine)
    run_trial(claims, study.id, 0, build_outcome(0.5, 0.5, size_bytes=500))
    lease = claim_trial(claims, study.id, 1).lease
    first = source.stamp("tiny")
    assert [trial.state.value for trial in source.view("tiny").trials] == ["complete", "running"]
    claims.finish(lease, build_outcome(0.6, 0.6, size_bytes=400))
    run_trial(claims, study.id, 2, build_outcome(0.1, 0.1, size_bytes=900))
    view = source.view("tiny")
    assert [trial.state.value for trial in view.trials] == ["complete"] * 3
    assert view.details.front_numbers == (1,)
    assert source.stamp("tiny") != first


def test_study_is_done_when_its_budget_is_spent_and_nothing_runs(engine: Engine) -> None:
    repository, claims = Repository(engine), ClaimRepository(engine)
    study = create_study(repository)
    spec = {**study.spec, "budget": {"trials": 2}}
    repository.replace_spec(study.id, spec=spec)
    source = _source(engine)
    run_trial(claims, study.id, 0, build_outcome(0.5, 0.5, size_bytes=500))
    assert not source.is_done("tiny")
    lease = claim_trial(claims, study.id, 1).lease
    assert not source.is_done("tiny")
    claims.finish(lease, build_outcome(0.6, 0.6, size_bytes=400))
    assert source.is_done("tiny")


def test_earlier_revision_has_the_members_of_that_time(engine: Engine) -> None:
    snapshot = realistic_snapshot()
    store(engine, snapshot, name="study")
    assert _source(engine).view("study", revision=0).details.front_numbers == ()


def test_missing_study_and_trial_are_told(engine: Engine) -> None:
    store(engine, realistic_snapshot(), name="study")
    source = _source(engine)
    with pytest.raises(SelectionError, match="no study 'other'"):
        source.view("other")
    with pytest.raises(SelectionError, match="has no trial 99; it has 30 trials"):
        source.trial("study", 99)


def test_importance_is_kept_until_the_study_moves_on(engine: Engine) -> None:
    store(engine, realistic_snapshot(), name="study")
    source = _source(engine)
    first = source.importance("study")
    assert first.note is None
    assert source.importance("study") is first
