"""What every repository keeps, on every database it runs on."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from spaces.errors import SelectionError, SpecError, StudyMismatchError
from storage.claims import ClaimRepository
from storage.records import ParentRecord, StudyRecord, TrialOutcome, TrialState
from storage.repository import Repository
from tests.builders import (
    build_candidate,
    build_failure,
    build_outcome,
    build_spec,
    check_front,
    claim_trial,
    create_study,
    run_trial,
)

START = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
DIGEST, OTHER_DIGEST = "a" * 64, "b" * 64


@pytest.fixture
def repository(engine: Engine) -> Repository:
    ticks = iter(range(10_000))
    return Repository(engine, clock=lambda: START + timedelta(seconds=next(ticks)))


@pytest.fixture
def claims(engine: Engine) -> ClaimRepository:
    return ClaimRepository(engine)


def begin(claims: ClaimRepository, study: StudyRecord, number: int, *, weight_bits: int = 4) -> None:
    claim_trial(claims, study.id, number, candidate=build_candidate(weight_bits=weight_bits))


def run(claims: ClaimRepository, study: StudyRecord, number: int, outcome: TrialOutcome, weight_bits: int = 4) -> None:
    run_trial(claims, study.id, number, outcome, candidate=build_candidate(weight_bits=weight_bits))


def front_numbers(repository: Repository, study: StudyRecord, revision: int | None = None) -> list[int]:
    return [trial.number for trial in repository.front(study.id, revision=revision)]


def test_study_reads_back_as_it_was_created(repository: Repository) -> None:
    created = create_study(repository)
    spec = build_spec()
    assert created.spec == spec.model_dump(mode="json")
    assert created.spec_fingerprint == spec.fingerprint
    assert created.created_at == START
    assert created.is_synthetic
    assert repository.get_study("tiny") == created
    assert repository.find_study("tiny") == created
    assert repository.studies() == [created]


def test_stored_times_are_aware_utc(repository: Repository) -> None:
    create_study(repository)
    assert repository.get_study("tiny").created_at.utcoffset() == timedelta(0)


def test_second_study_of_the_same_name_is_refused_and_the_first_stays(repository: Repository) -> None:
    created = create_study(repository)
    with pytest.raises(SelectionError, match="'tiny' exists already"):
        create_study(repository)
    assert repository.studies() == [created]


def test_study_with_an_unreadable_spec_is_refused(repository: Repository) -> None:
    with pytest.raises(SpecError, match="objectives: required"):
        repository.create_study(name="bad", spec={"name": "bad"}, spec_fingerprint="", data={}, versions={})
    assert repository.find_study("bad") is None


def test_missing_study_lists_the_known_ones(repository: Repository) -> None:
    create_study(repository, name="cifar")
    create_study(repository, name="svhn")
    with pytest.raises(SelectionError, match=r"'digits'.*'cifar', 'svhn'"):
        repository.get_study("digits")
    assert repository.find_study("digits") is None


def test_unknown_study_id_is_refused(repository: Repository) -> None:
    for ask in (repository.trials, repository.front, repository.revisions):
        with pytest.raises(SelectionError, match="no study has the id 7"):
            ask(7)


def test_new_study_has_the_empty_front_as_revision_0(repository: Repository) -> None:
    study = create_study(repository)
    (first,) = repository.revisions(study.id)
    assert (first.revision, first.trial_number, first.hypervolume, first.size) == (0, None, 0.0, 0)
    assert front_numbers(repository, study, 0) == front_numbers(repository, study) == []


def test_finished_trial_reads_back_as_it_was_handed_in(repository: Repository, claims: ClaimRepository) -> None:
    study = create_study(repository, constraints=("size_bytes <= 400", "clean_accuracy >= 0.25"))
    outcome = build_outcome(0.5, 0.25, size_bytes=500)
    returned = run_trial(claims, study.id, 0, outcome)
    assert repository.trial(study.id, 0) == returned
    assert (returned.state, returned.measurement) == (TrialState.COMPLETE, outcome.measurement)
    assert (returned.timings, returned.details) == (outcome.timings, outcome.details)
    assert returned.violations == (100.0, -0.25)
    assert not returned.is_feasible


def test_numbers_that_are_not_finite_become_null(repository: Repository, claims: ClaimRepository) -> None:
    study = create_study(repository)
    curve = {"curve": [1.0, float("nan"), float("inf")]}
    run(claims, study, 0, TrialOutcome(state=TrialState.FAILED, reason="diverged", timings={}, details=curve))
    assert repository.trial(study.id, 0).details == {"curve": [1.0, None, None]}


def test_trials_come_by_number_and_by_state(repository: Repository, claims: ClaimRepository) -> None:
    study, other = create_study(repository), create_study(repository, name="other")
    begin(claims, study, 2)
    run(claims, study, 1, build_failure())
    run(claims, study, 0, build_outcome(0.5, 0.5, size_bytes=500))
    begin(claims, other, 9)
    assert [trial.number for trial in repository.trials(study.id)] == [0, 1, 2]
    assert [trial.number for trial in repository.trials(study.id, state=TrialState.FAILED)] == [1]
    assert repository.trials(study.id, state=TrialState.FAILED)[0].reason == "loss is not finite"


def test_told_trial_is_marked(repository: Repository, claims: ClaimRepository) -> None:
    study = create_study(repository)
    run(claims, study, 0, build_failure())
    repository.mark_told(study.id, number=0)
    assert repository.trial(study.id, 0).is_told
    with pytest.raises(SelectionError, match="no trial 1"):
        repository.mark_told(study.id, number=1)


def test_a_candidate_is_found_once_it_was_trained(repository: Repository, claims: ClaimRepository) -> None:
    study = create_study(repository)
    fingerprint = build_candidate().fingerprint
    begin(claims, study, 3)
    assert repository.find_candidate(study.id, fingerprint) is None
    for number in (2, 1):
        run(claims, study, number, build_outcome(0.5, 0.5, size_bytes=500))
    found = repository.find_candidate(study.id, fingerprint)
    assert found is not None
    assert found.number == 1
    assert repository.find_candidate(study.id, build_candidate(weight_bits=8).fingerprint) is None


def test_front_grows_is_dominated_and_every_past_revision_reads_back(
    repository: Repository, claims: ClaimRepository
) -> None:
    study = create_study(repository)
    run(claims, study, 0, build_outcome(0.5, 0.5, size_bytes=500))
    run(claims, study, 1, build_outcome(0.75, 0.25, size_bytes=500))
    run(claims, study, 2, build_outcome(0.5, 0.25, size_bytes=600))
    run(claims, study, 3, build_outcome(0.75, 0.75, size_bytes=250))
    run(claims, study, 4, build_outcome(0.25, 0.25, size_bytes=125))
    revisions = repository.revisions(study.id)
    assert [revision.trial_number for revision in revisions] == [None, 0, 1, 3, 4]
    assert [revision.size for revision in revisions] == [0, 1, 2, 1, 2]
    # 0.5*0.5*500; (0.25 + 0.1875 - 0.125)*500; 0.75*0.75*750; and 0.25*0.25*125 more.
    assert [revision.hypervolume for revision in revisions] == [0.0, 125.0, 156.25, 421.875, 429.6875]
    assert [front_numbers(repository, study, n) for n in range(5)] == [[], [0], [0, 1], [3], [3, 4]]
    assert front_numbers(repository, study) == [3, 4]
    assert check_front(repository, study.id) == []


def test_equal_results_share_the_front(repository: Repository, claims: ClaimRepository) -> None:
    study = create_study(repository)
    for number in (0, 1):
        run(claims, study, number, build_outcome(0.5, 0.5, size_bytes=500))
    assert front_numbers(repository, study) == [0, 1]
    assert [revision.hypervolume for revision in repository.revisions(study.id)] == [0.0, 125.0, 125.0]


def test_infeasible_failed_and_refused_trials_stay_off_the_front(
    repository: Repository, claims: ClaimRepository
) -> None:
    study = create_study(repository, constraints=("clean_accuracy >= 0.5",))
    run(claims, study, 0, build_outcome(0.25, 0.25, size_bytes=100))
    run(claims, study, 1, build_failure())
    run(claims, study, 2, TrialOutcome(state=TrialState.REFUSED, reason="too big", timings={}, details={}))
    assert front_numbers(repository, study) == []
    run(claims, study, 3, build_outcome(0.5, 0.25, size_bytes=500))
    assert front_numbers(repository, study) == [3]
    assert check_front(repository, study.id) == []


def test_unknown_revision_names_the_range(repository: Repository, claims: ClaimRepository) -> None:
    study = create_study(repository)
    run(claims, study, 0, build_outcome(0.5, 0.5, size_bytes=500))
    for revision in (-1, 2):
        with pytest.raises(SelectionError, match=f"revisions 0 to 1; got {revision}"):
            repository.front(study.id, revision=revision)


def test_fronts_of_two_studies_do_not_mix(repository: Repository, claims: ClaimRepository) -> None:
    first, second = create_study(repository), create_study(repository, name="other")
    run(claims, first, 0, build_outcome(1.0, 1.0, size_bytes=100))
    run(claims, second, 0, build_outcome(0.5, 0.5, size_bytes=500))
    assert repository.revisions(second.id)[-1].hypervolume == 125.0
    assert front_numbers(repository, first) == front_numbers(repository, second) == [0]


def test_first_of_two_parents_with_one_key_stays(repository: Repository) -> None:
    study = create_study(repository)
    first = ParentRecord(key="digits_cnn/0.5", digest=DIGEST, clean_accuracy=0.75, details={"epochs": 3})
    second = ParentRecord(key="digits_cnn/0.5", digest=OTHER_DIGEST, clean_accuracy=0.5, details={})
    assert repository.find_parent(study.id, first.key) is None
    assert repository.save_parent(study.id, first) == first
    assert repository.save_parent(study.id, second) == first
    assert repository.find_parent(study.id, first.key) == first


def test_parent_whose_weights_are_lost_is_replaced_once_with_all_that_refers_to_them(repository: Repository) -> None:
    study, other = create_study(repository), create_study(repository, name="other")
    lost = ParentRecord(key="p", digest=DIGEST, clean_accuracy=0.75, details={"epochs": 3})
    measured = replace(lost, key="sensitivity of p", details={"sensitivity": 1})
    for record in (lost, measured):
        repository.save_parent(study.id, record)
    repository.save_parent(other.id, lost)
    second = replace(lost, digest=OTHER_DIGEST, clean_accuracy=0.5, details={"epochs": 4})
    assert repository.replace_parent(study.id, second, lost=DIGEST) == second
    late = replace(second, digest="d" * 64)
    assert repository.replace_parent(study.id, late, lost=DIGEST) == second
    assert repository.find_parent(study.id, "p") == second
    found = repository.find_parent(study.id, measured.key)
    assert found == replace(measured, digest=OTHER_DIGEST, clean_accuracy=0.5)
    assert repository.find_parent(other.id, "p") == lost
    with pytest.raises(SelectionError, match="no float parent with the key 'q'"):
        repository.replace_parent(study.id, replace(late, key="q"), lost=DIGEST)


def test_studies_share_parents_and_prefer_their_own(repository: Repository) -> None:
    study, other = create_study(repository), create_study(repository, name="other")
    first = ParentRecord(key="digits_cnn/0.5", digest=DIGEST, clean_accuracy=0.75, details={})
    second = ParentRecord(key="digits_cnn/0.5", digest=OTHER_DIGEST, clean_accuracy=0.5, details={})
    repository.save_parent(study.id, first)
    assert repository.find_parent(other.id, first.key) == first
    repository.save_parent(other.id, second)
    assert repository.find_parent(other.id, first.key) == second
    assert repository.find_parent(study.id, first.key) == first
    assert repository.find_parent(study.id, "another key") is None


def test_artifacts_are_kept_by_name_and_counted_over_all_studies(
    repository: Repository, claims: ClaimRepository
) -> None:
    study, other = create_study(repository), create_study(repository, name="other")
    failure = build_failure()
    run_trial(claims, study.id, 0, failure, artifacts={"model.h5": DIGEST, "config.json": "c" * 64})
    run_trial(claims, other.id, 0, failure, artifacts={"model.h5": "d" * 64})
    repository.save_parent(other.id, ParentRecord(key="p", digest=OTHER_DIGEST, clean_accuracy=0.5, details={}))
    assert repository.artifacts(study.id, 0) == {"config.json": "c" * 64, "model.h5": DIGEST}
    assert repository.referenced_digests() == {DIGEST, OTHER_DIGEST, "c" * 64, "d" * 64}
    repository.drop_artifacts(study.id, number=0)
    assert repository.artifacts(study.id, 0) == {}
    assert repository.referenced_digests() == {OTHER_DIGEST, "d" * 64}


def test_trials_are_counted_by_state(repository: Repository, claims: ClaimRepository) -> None:
    study = create_study(repository)
    run(claims, study, 0, build_outcome(0.9, 0.5, size_bytes=500))
    run(claims, study, 1, build_failure(), weight_bits=8)
    begin(claims, study, 2, weight_bits=3)
    counts = repository.count_trials(study.id)
    assert counts == {
        TrialState.RUNNING: 1,
        TrialState.COMPLETE: 1,
        TrialState.FAILED: 1,
        TrialState.REFUSED: 0,
        TrialState.STOPPED: 0,
    }


@pytest.mark.parametrize("state", [TrialState.FAILED, TrialState.STOPPED])
def test_a_candidate_whose_training_ended_early_counts_as_trained(
    repository: Repository, claims: ClaimRepository, state: TrialState
) -> None:
    study = create_study(repository)
    run(claims, study, 0, TrialOutcome(state=state, reason="ended", timings={}, details={}))
    found = repository.find_candidate(study.id, build_candidate(weight_bits=4).fingerprint)
    assert found is not None
    assert found.number == 0


def test_latest_revision_is_the_last_of_all(repository: Repository, claims: ClaimRepository) -> None:
    study = create_study(repository)
    assert repository.latest_revision(study.id).revision == 0
    run(claims, study, 0, build_outcome(0.9, 0.5, size_bytes=500))
    assert repository.latest_revision(study.id) == repository.revisions(study.id)[-1]


def test_only_the_trial_budget_of_a_stored_specification_changes(repository: Repository) -> None:
    study = create_study(repository)
    larger = {**study.spec, "budget": {"trials": 77}}
    assert repository.replace_spec(study.id, spec=larger).spec["budget"] == {"trials": 77}
    with pytest.raises(StudyMismatchError, match="only the trial budget may change"):
        repository.replace_spec(study.id, spec={**study.spec, "seed": 12345})
    assert repository.get_study("tiny").spec == larger
