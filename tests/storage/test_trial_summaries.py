"""Trials in brief agree with trials in full, and leave out what was asked to be left out."""

from dataclasses import replace
from pathlib import Path

from storage.records import TrialState
from storage.repository import Repository
from storage.trial_summaries import summary_of
from tests.dashboards.builders import make_check, make_measurement, make_snapshot, make_trial, realistic_snapshot
from tests.dashboards.stored import open_database, store


def test_summaries_equal_the_records_in_brief(tmp_path: Path) -> None:
    repository = Repository(engine := open_database(tmp_path))
    study_id = store(engine, realistic_snapshot(), name="study")
    summaries = repository.summaries(study_id)
    assert summaries == [summary_of(record) for record in repository.trials(study_id)]
    assert {summary.state for summary in summaries} == {TrialState.COMPLETE, TrialState.FAILED, TrialState.REFUSED}
    assert repository.summaries(study_id, from_number=28) == summaries[28:]


def test_fired_checks_make_suspects_and_failed_preconditions_take_the_score(tmp_path: Path) -> None:
    checks = {
        0: [make_check("quiet", passed=True, is_precondition=True)],
        1: [make_check("sign"), make_check("quiet", passed=True)],
        2: [make_check("precondition", is_precondition=True)],
    }
    trials = [make_trial(n, measurement=make_measurement(checks=found)) for n, found in checks.items()]
    repository = Repository(engine := open_database(tmp_path))
    summaries = repository.summaries(store(engine, make_snapshot(trials), name="study"))
    assert [summary.is_suspect for summary in summaries] == [False, True, True]
    assert [summary.is_feasible for summary in summaries] == [True, True, False]


def test_violated_and_unmeasured_trials_are_not_feasible(tmp_path: Path) -> None:
    failed = replace(make_trial(1, state=TrialState.FAILED), reason="broke")
    snapshot = make_snapshot([make_trial(0, violated=(0.1,)), failed])
    repository = Repository(engine := open_database(tmp_path))
    first, second = repository.summaries(store(engine, snapshot, name="study"))
    assert (first.is_feasible, first.is_measured) == (False, True)
    assert (second.is_feasible, second.is_measured, second.reason) == (False, False, "broke")


def test_only_trials_that_exist_are_returned_by_number(tmp_path: Path) -> None:
    repository = Repository(engine := open_database(tmp_path))
    study_id = store(engine, make_snapshot([make_trial(n) for n in range(4)]), name="study")
    assert [record.number for record in repository.trials_numbered(study_id, [3, 1, 99])] == [1, 3]
