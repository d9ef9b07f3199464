"""What is kept of refinements, on every database."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine

from spaces.check_result import CheckResult
from spaces.errors import ArtifactError, SelectionError
from storage.artifacts import ArtifactStore
from storage.claims import ClaimRepository
from storage.records import StudyRecord
from storage.refinements import RefinementRepository, RefinementRun
from storage.repository import Repository
from storage.study_check import StudyChecker
from tests.builders import build_measurement, build_outcome, check_front, create_study, run_trial

A, B, C, D = (letter * 64 for letter in "abcd")
EPOCHS = 6
PRECONDITION = CheckResult(name="deterministic", value=0.5, bound=0.0, passed=False, is_precondition=True)


@pytest.fixture
def refinements(engine: Engine) -> RefinementRepository:
    return RefinementRepository(engine)


@pytest.fixture
def study(engine: Engine) -> StudyRecord:
    study, claims = create_study(Repository(engine)), ClaimRepository(engine)
    for number in range(2):
        run_trial(claims, study.id, number, build_outcome(0.5, 0.25, size_bytes=500))
    return study


def build_run(
    repeat: int, robust: float, *, digest: str, clean: float = 0.5, number: int = 0, epochs: int = EPOCHS
) -> RefinementRun:
    measurement = replace(build_measurement(clean, robust, size_bytes=500, seed=100 + repeat), epochs=epochs)
    return RefinementRun(
        number=number,
        epochs=epochs,
        repeat=repeat,
        seed=100 + repeat,
        measurement=measurement,
        reason=None,
        timings={"training_s": 1.5},
        details={"curve": [1.0]},
        artifacts={"weights.npz": digest},
    )


def build_failed(repeat: int) -> RefinementRun:
    run = build_run(repeat, 0.0, digest=A)
    return replace(run, measurement=None, reason="the loss stalled", timings={}, artifacts={})


def test_runs_read_back_by_trial_epochs_and_seed(refinements: RefinementRepository, study: StudyRecord) -> None:
    runs = [
        build_run(0, 0.25, digest=A, number=1),
        build_run(0, 0.25, digest=B, epochs=9),
        replace(build_failed(1), seed=7),
        build_run(0, 0.25, digest=C),
    ]
    assert refinements.runs(study.id) == []
    for run in runs:
        assert refinements.save(study.id, run) == set()
    assert refinements.runs(study.id) == [runs[3], runs[2], runs[1], runs[0]]
    assert refinements.runs(study.id, epochs=9) == [runs[1]]


def test_of_two_equal_runs_the_first_stays(refinements: RefinementRepository, study: StudyRecord) -> None:
    first = build_run(0, 0.25, digest=A)
    refinements.save(study.id, first)
    assert refinements.save(study.id, first) == set(), "a call that is repeated does no harm"
    assert refinements.save(study.id, build_run(0, 0.75, digest=B)) == {B}
    assert refinements.runs(study.id) == [first]


def test_two_processes_that_store_the_same_run_at_once_leave_one(
    refinements: RefinementRepository, study: StudyRecord
) -> None:
    runs = [build_run(0, robust, digest=digest) for robust, digest in ((0.25, A), (0.5, B), (0.75, C), (1.0, D))]
    with ThreadPoolExecutor(4) as pool:
        superfluous = list(pool.map(lambda run: refinements.save(study.id, run), runs))
    (stored,) = refinements.runs(study.id)
    assert stored in runs
    assert set().union(*superfluous) == {A, B, C, D} - set(stored.artifacts.values())


def test_only_the_best_run_of_a_candidate_keeps_its_model(
    refinements: RefinementRepository, study: StudyRecord
) -> None:
    refinements.save(study.id, build_failed(0))
    assert refinements.save(study.id, build_run(1, 0.5, digest=A)) == set()
    assert refinements.save(study.id, build_run(2, 0.25, digest=B)) == {B}
    assert refinements.save(study.id, build_run(3, 0.5, digest=C)) == {C}, "of equal ones the earlier seed"
    assert refinements.save(study.id, build_run(4, 0.5, digest=D, clean=0.75)) == {A}
    refinements.save(study.id, build_run(0, 0.125, digest=B, epochs=9))
    refinements.save(study.id, build_run(0, 0.125, digest=C, number=1))
    kept = {(run.number, run.epochs, run.repeat): dict(run.artifacts) for run in refinements.runs(study.id)}
    assert {key: files["weights.npz"] for key, files in kept.items() if files} == {
        (0, EPOCHS, 4): D,
        (0, 9, 0): B,
        (1, EPOCHS, 0): C,
    }


def test_run_whose_score_does_not_count_is_never_the_best(
    refinements: RefinementRepository, study: StudyRecord
) -> None:
    refinements.save(study.id, build_run(0, 0.25, digest=A))
    measurement = replace(build_measurement(1.0, 1.0, size_bytes=500), epochs=EPOCHS, checks=(PRECONDITION,))
    withheld = replace(build_run(1, 1.0, digest=B), measurement=measurement)
    assert refinements.save(study.id, withheld) == {B}
    assert [dict(run.artifacts) for run in refinements.runs(study.id)] == [{"weights.npz": A}, {}]
    (_, stored) = refinements.runs(study.id)
    assert stored.measurement == measurement, "its checks are kept"


def test_files_of_refinements_count_as_used(
    engine: Engine, refinements: RefinementRepository, study: StudyRecord, tmp_path: Path
) -> None:
    artifacts, repository = ArtifactStore(tmp_path / "artifacts"), Repository(engine)
    kept, left = artifacts.put(b"kept"), artifacts.put(b"left")
    refinements.save(study.id, build_run(0, 0.25, digest=kept))
    assert kept in repository.referenced_digests()
    assert repository.unreferenced({kept, left}) == {left}
    checker = StudyChecker(engine, artifacts)
    assert checker.remove_unreferenced(min_age_s=0.0) == 1
    assert checker.check(study.id).is_good
    artifacts.remove(kept)
    (broken,) = checker.check(study.id).artifacts
    assert broken.startswith("file weights.npz of trial 0 refined for 6 epochs, seed 100: ")


def test_refinement_leaves_trials_and_front_alone(
    engine: Engine, refinements: RefinementRepository, study: StudyRecord
) -> None:
    repository = Repository(engine)
    before = repository.trials(study.id), repository.front(study.id), repository.revisions(study.id)
    refinements.save(study.id, build_run(0, 1.0, digest=A, clean=1.0))
    assert (repository.trials(study.id), repository.front(study.id), repository.revisions(study.id)) == before
    assert check_front(repository, study.id) == []


def test_what_is_not_there_is_refused(refinements: RefinementRepository, study: StudyRecord) -> None:
    with pytest.raises(SelectionError, match="has no trial 7"):
        refinements.save(study.id, build_run(0, 0.25, digest=A, number=7))
    with pytest.raises(SelectionError, match="no study has the id 99"):
        refinements.runs(99)
    with pytest.raises(ArtifactError, match="64 lower-case hexadecimal digits"):
        refinements.save(study.id, build_run(0, 0.25, digest="../x"))
    assert refinements.runs(study.id) == []


def test_run_has_a_result_of_its_own_epochs_or_a_reason() -> None:
    run = build_run(0, 0.25, digest=A)
    with pytest.raises(ValueError, match="either a measurement or the reason"):
        replace(run, reason="it broke")
    with pytest.raises(ValueError, match="either a measurement or the reason"):
        replace(run, measurement=None)
    with pytest.raises(ValueError, match="a run of 7 epochs has a measurement at 6"):
        replace(run, epochs=7)
