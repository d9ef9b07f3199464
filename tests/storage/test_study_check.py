from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from spaces.check_result import CheckResult
from spaces.errors import DamagedResultsError, SelectionError
from spaces.work_steps import WorkSteps
from storage.artifacts import ArtifactStore
from storage.claims import ClaimRepository
from storage.records import ParentRecord, StudyRecord, TrialOutcome, TrialState
from storage.repository import Repository
from storage.rungs import RungRepository
from storage.sql import write_engine
from storage.study_check import StudyCheck, StudyChecker
from tests.builders import build_measurement, build_outcome, check_front, claim_trial, run_trial

GOOD = StudyCheck(front=(), trials=(), artifacts=(), unreferenced=())


@pytest.fixture
def artifacts(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "studies.artifacts")


@pytest.fixture
def checker(engine: Engine, artifacts: ArtifactStore) -> StudyChecker:
    return StudyChecker(engine, artifacts)


@pytest.fixture
def digests(engine: Engine, repository: Repository, study: StudyRecord, artifacts: ArtifactStore) -> dict[str, str]:
    """A study of two finished trials, one running with a checkpoint, and a parent; what its files hold."""
    contents = ("model 0", "model 1", "checkpoint", "parent")
    digests = {content: artifacts.put(content.encode()) for content in contents}
    claims = ClaimRepository(engine)
    for number, (clean, robust) in enumerate(((0.5, 0.5), (0.75, 0.25))):
        lease = claim_trial(claims, study.id, number).lease
        outcome = build_outcome(clean, robust, size_bytes=500)
        claims.finish(lease, outcome, artifacts={"model.h5": digests[f"model {number}"]})
    lease = claim_trial(claims, study.id, 2).lease
    measurement = build_measurement(0.5, 0.5, size_bytes=500)
    rungs = RungRepository(engine)
    rungs.record(lease, 0, measurement=measurement, goes_on=True, decision={})
    rungs.keep_checkpoints(lease, 0, {"weights.h5": digests["checkpoint"]})
    repository.save_parent(study.id, ParentRecord(key="p", digest=digests["parent"], clean_accuracy=0.5, details={}))
    return digests


def tamper(engine: Engine, statement: str) -> None:
    with write_engine(engine).begin() as connection:
        connection.execute(text(statement))


def damage(artifacts: ArtifactStore, digest: str) -> None:
    path = artifacts.path(digest)
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.usefixtures("digests")
def test_sound_study_has_no_findings(checker: StudyChecker, study: StudyRecord) -> None:
    assert checker.check(study.id) == GOOD
    assert checker.check(study.id).is_good
    assert checker.repair_front(study.id) == []


def test_unknown_study_is_refused(checker: StudyChecker) -> None:
    for ask in (checker.check, checker.repair_front):
        with pytest.raises(SelectionError, match="no study has the id 77"):
            ask(77)


def test_truncated_and_missing_files_are_named_with_their_use(
    checker: StudyChecker, study: StudyRecord, artifacts: ArtifactStore, digests: dict[str, str]
) -> None:
    damage(artifacts, digests["model 1"])
    damage(artifacts, digests["checkpoint"])
    artifacts.remove(digests["parent"])
    found = checker.check(study.id)
    assert not found.is_good
    first, second, third = found.artifacts
    assert first.startswith(f"file model.h5 of trial 1: artifact {digests['model 1']}")
    assert "is damaged" in first
    assert second.startswith("checkpoint weights.h5 of trial 2 at rung 0: ")
    assert third.startswith("parent p: ")
    assert "No such file" in third


def test_file_that_a_worker_drops_during_the_check_is_no_finding(
    engine: Engine,
    repository: Repository,
    study: StudyRecord,
    artifacts: ArtifactStore,
    digests: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    check = artifacts.check

    def drop_first(digest: str) -> None:
        # As a worker does whose trial left the front: first in the database, then on the disk.
        repository.drop_artifacts(study.id, number=1)
        artifacts.remove(digests["model 1"])
        check(digest)

    monkeypatch.setattr(artifacts, "check", drop_first)
    assert StudyChecker(engine, artifacts).check(study.id) == GOOD
    damage(artifacts, digests["model 0"])
    (found,) = StudyChecker(engine, artifacts).check(study.id).artifacts
    assert found.startswith("file model.h5 of trial 0: ")


@pytest.mark.usefixtures("digests")
def test_rows_that_no_worker_wrote_are_named(checker: StudyChecker, study: StudyRecord, engine: Engine) -> None:
    tamper(engine, "UPDATE cosearch_trials SET lease_expires_at = NULL WHERE number = 2")
    tamper(engine, "UPDATE cosearch_trials SET lease_expires_at = 1.0, finished_at = NULL WHERE number = 1")
    assert checker.check(study.id).trials == (
        "trial 2 is running without a lease; the next worker takes it over",
        "trial 1 is finished but still has a lease",
        "trial 1 is finished without a time",
    )
    taken = ClaimRepository(engine).claim_abandoned(study.id, owner="w9", ttl_s=60.0)
    assert taken is not None
    assert taken.lease.number == 2


@pytest.mark.parametrize(
    ("column", "finding"),
    [
        ("measurement", "trial 0 is complete without a measurement"),
        ("finished_at", "trial 0 is finished without a time"),
    ],
)
@pytest.mark.usefixtures("digests")
def test_front_is_left_alone_while_a_result_is_not_whole(
    checker: StudyChecker,
    repository: Repository,
    study: StudyRecord,
    engine: Engine,
    column: str,
    finding: str,
) -> None:
    tamper(engine, f"UPDATE cosearch_trials SET {column} = NULL WHERE number = 0")
    tamper(engine, "DELETE FROM cosearch_revisions WHERE revision = 1")
    found = checker.check(study.id)
    assert (found.front, found.trials, found.is_good) == ((), (finding,), False)
    before = repository.revisions(study.id)
    with pytest.raises(DamagedResultsError, match=r"without a measurement or a time: 0; .* restore a copy"):
        checker.repair_front(study.id)
    assert repository.revisions(study.id) == before


def test_unreferenced_files_are_listed_and_old_ones_removed(
    checker: StudyChecker, study: StudyRecord, artifacts: ArtifactStore, digests: dict[str, str]
) -> None:
    stray = artifacts.put(b"stray")
    found = checker.check(study.id)
    assert (found.unreferenced, found.is_good) == ((stray,), True)
    assert checker.remove_unreferenced(min_age_s=3600.0) == 0
    assert checker.remove_unreferenced(min_age_s=0.0) == 1
    assert artifacts.digests() == set(digests.values())


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE cosearch_front_entries SET left_revision = 2 WHERE number = 0",
        "DELETE FROM cosearch_front_entries",
        "UPDATE cosearch_revisions SET hypervolume = 7.0",
        "DELETE FROM cosearch_revisions",
        "UPDATE cosearch_revisions SET hypervolume = 2 * hypervolume WHERE revision = 1",
        "UPDATE cosearch_revisions SET size = 77 WHERE revision = 1",
        "UPDATE cosearch_revisions SET number = 0 WHERE revision = 2",
        "UPDATE cosearch_revisions SET number = NULL WHERE revision = 1",
        "DELETE FROM cosearch_revisions WHERE revision = 0",
        "DELETE FROM cosearch_revisions WHERE revision = 1",
        "INSERT INTO cosearch_revisions VALUES (1, 3, 1, 281.25, 2, '2026-01-01 00:00:00.000000')",
        "UPDATE cosearch_front_entries SET entered_revision = 2 WHERE number = 0",
        "INSERT INTO cosearch_front_entries VALUES (1, 2, 1, 2)",
    ],
)
@pytest.mark.usefixtures("digests")
def test_repaired_front_is_that_of_the_results(
    checker: StudyChecker, repository: Repository, study: StudyRecord, engine: Engine, statement: str
) -> None:
    before = repository.front(study.id), repository.revisions(study.id)
    tamper(engine, statement)
    assert checker.check(study.id).front
    assert checker.repair_front(study.id)
    assert checker.check(study.id) == GOOD
    assert (repository.front(study.id), repository.revisions(study.id)) == before


def test_repair_brings_back_who_left_when(
    checker: StudyChecker, repository: Repository, study: StudyRecord, engine: Engine
) -> None:
    claims = ClaimRepository(engine)
    results = [(0.5, 0.5, 500), (0.25, 0.25, 600), (0.75, 0.25, 400), (0.75, 0.75, 250), (0.25, 0.25, 125)]
    leases = [claim_trial(claims, study.id, number).lease for number in range(len(results))]
    for number in (2, 0, 4, 1, 3):  # the order of arrival is not that of the numbers
        clean, robust, size = results[number]
        claims.finish(leases[number], build_outcome(clean, robust, size_bytes=size))
    before = [repository.front(study.id, revision=r.revision) for r in repository.revisions(study.id)]
    tamper(engine, "UPDATE cosearch_front_entries SET left_revision = NULL")
    assert checker.repair_front(study.id)
    after = [repository.front(study.id, revision=r.revision) for r in repository.revisions(study.id)]
    assert after == before
    assert [[trial.number for trial in front] for front in after] == [[], [2], [0, 2], [0, 2, 4], [3, 4]]


def test_what_differs_in_the_past_is_named(checker: StudyChecker, study: StudyRecord, engine: Engine) -> None:
    claims = ClaimRepository(engine)
    for number, (clean, size) in enumerate(((0.5, 500), (0.75, 250), (0.25, 125))):
        run_trial(claims, study.id, number, build_outcome(clean, 0.5, size_bytes=size))
    tamper(engine, "UPDATE cosearch_revisions SET hypervolume = 2 * hypervolume, size = 77 WHERE revision = 1")
    tamper(engine, "UPDATE cosearch_front_entries SET left_revision = 3 WHERE number = 0")
    assert checker.check(study.id).front == (
        "trial 0 is stored as on the front from revision 1 until 3; the results give from revision 1 until 2",
        "revision 1 says 77 members; the results give 1",
        "revision 1 says hypervolume 250.0; the results give 125.0",
    )


def test_front_is_good_whose_results_came_while_the_clock_was_set_back(
    checker: StudyChecker, study: StudyRecord, engine: Engine
) -> None:
    claims = ClaimRepository(engine)
    for number, size in enumerate((500, 600, 250)):  # the second never is on the front, the first leaves it
        run_trial(claims, study.id, number, build_outcome(0.5, 0.5, size_bytes=size))
    tamper(engine, "UPDATE cosearch_trials SET finished_at = '2099-01-01 00:00:00.000000' WHERE number = 0")
    tamper(engine, "UPDATE cosearch_revisions SET created_at = '2099-01-01 00:00:00.000000' WHERE number = 0")
    assert checker.check(study.id) == GOOD


def test_many_differences_are_cut_short(checker: StudyChecker, study: StudyRecord, engine: Engine) -> None:
    claims = ClaimRepository(engine)
    for number in range(25):
        run_trial(claims, study.id, number, build_outcome(0.5, 0.5, size_bytes=500 - number))
    tamper(engine, "UPDATE cosearch_revisions SET size = 7")
    *named, rest = checker.check(study.id).front
    assert (len(named), rest) == (20, "and 6 differences more")


def test_withheld_score_belongs_on_no_front(repository: Repository, study: StudyRecord, engine: Engine) -> None:
    claims = ClaimRepository(engine)
    failed = CheckResult(name="gradients", value=0.0, bound=0.1, passed=False, is_precondition=True)
    plain = build_measurement(0.5, 0.5, size_bytes=500).to_json()
    measurement = type(build_measurement(0.5, 0.5, size_bytes=500)).from_json({**plain, "checks": [failed.to_json()]})
    outcome = TrialOutcome(state=TrialState.COMPLETE, measurement=measurement, timings={}, details={})
    claims.finish(claim_trial(claims, study.id, 0).lease, outcome)
    assert repository.front(study.id) == []
    assert check_front(repository, study.id) == []


def test_check_tells_of_every_file(checker: StudyChecker, study: StudyRecord, digests: dict[str, str]) -> None:
    told: list[WorkSteps] = []
    checker.check(study.id, on_steps=told.append)
    assert [(steps.done, steps.total) for steps in told] == [(done, len(digests)) for done in range(len(digests))]
    assert {steps.noun for steps in told} == {"files"}
