"""Who gets which trial, on every database: exact budget, leases, takeover, fencing, and calls that are repeated."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from spaces.errors import ArtifactError, FencedError, SelectionError, StudyMismatchError
from storage.claims import Claim, ClaimRepository, Lease, NoClaim, Places
from storage.records import StudyRecord, TrialOutcome, TrialState
from storage.repository import Repository
from storage.sql import open_engine, write_engine
from tests.builders import build_candidate, build_failure, build_outcome, check_front, claim_trial, create_study

GOOD, BETTER = build_outcome(0.5, 0.5, size_bytes=500), build_outcome(0.75, 0.75, size_bytes=250)
REFUSED = TrialOutcome(state=TrialState.REFUSED, reason="too big", timings={}, details={})
STOPPED = TrialOutcome(state=TrialState.STOPPED, reason="rung 0: rank 3 of 6", timings={}, details={})


@pytest.fixture
def repository(engine: Engine) -> Repository:
    return Repository(engine)


@pytest.fixture
def claims(engine: Engine) -> ClaimRepository:
    return ClaimRepository(engine)


@pytest.fixture
def study(repository: Repository) -> StudyRecord:
    return create_study(repository)


@pytest.fixture
def expire(engine: Engine, study: StudyRecord) -> Callable[[int], None]:
    """Return a call that lets a trial's lease expire, as if its worker had been silent for long."""

    def let_expire(number: int) -> None:
        with write_engine(engine).begin() as connection:
            statement = "UPDATE cosearch_trials SET lease_expires_at = lease_expires_at - 1000 WHERE number = :number"
            connection.execute(text(statement), {"number": number})

    return let_expire


def expires_at(engine: Engine, number: int) -> float | None:
    with engine.connect() as connection:
        statement = text("SELECT lease_expires_at FROM cosearch_trials WHERE number = :number")
        return connection.execute(statement, {"number": number}).scalar_one()


def try_claim(
    claims: ClaimRepository, study: StudyRecord, number: int, *, owner: str = "w1", budget: int = 10, bits: int = 4
) -> Claim | NoClaim:
    candidate = build_candidate(weight_bits=bits)
    return claims.claim_new(
        study.id, number=number, candidate=candidate, seed=number, owner=owner, ttl_s=60.0, budget=budget
    )


def test_claimed_trial_is_running_under_a_first_lease(
    claims: ClaimRepository, repository: Repository, study: StudyRecord, engine: Engine
) -> None:
    claim = claim_trial(claims, study.id, 3, owner="w1", ttl_s=60.0)
    assert claim.lease == Lease(study_id=study.id, number=3, epoch=1)
    assert repository.trials(study.id) == [claim.trial]
    assert (claim.trial.state, claim.trial.owner, claim.trial.seed) == (TrialState.RUNNING, "w1", 3)
    assert claim.trial.candidate == build_candidate()
    expiry = expires_at(engine, 3)
    assert expiry is not None
    assert expiry - claim.trial.started_at.timestamp() == pytest.approx(60.0, abs=0.01)


def test_only_refused_trials_leave_their_place_in_the_budget(claims: ClaimRepository, study: StudyRecord) -> None:
    for number, outcome in enumerate((GOOD, build_failure(), STOPPED, REFUSED)):
        claims.finish(claim_trial(claims, study.id, number).lease, outcome)
    claim_trial(claims, study.id, 4)
    assert claims.places(study.id, budget=6) == Places(free=2, running=1)
    assert claims.places(study.id, budget=3) == Places(free=0, running=1)
    assert try_claim(claims, study, 5, budget=4) is NoClaim.BUDGET_SPENT
    assert isinstance(try_claim(claims, study, 5, budget=5), Claim)
    assert try_claim(claims, study, 6, budget=5) is NoClaim.BUDGET_SPENT


def test_work_is_over_when_no_place_can_come_free(claims: ClaimRepository, study: StudyRecord) -> None:
    claim = claim_trial(claims, study.id, 0, budget=1)
    assert not claims.places(study.id, budget=1).is_over
    claims.finish(claim.lease, GOOD)
    assert claims.places(study.id, budget=1).is_over
    assert not claims.places(study.id, budget=2).is_over


def test_number_of_another_worker_is_taken(claims: ClaimRepository, repository: Repository, study: StudyRecord) -> None:
    first = claim_trial(claims, study.id, 0, owner="w1")
    assert try_claim(claims, study, 0, owner="w2") is NoClaim.TAKEN
    assert try_claim(claims, study, 0, owner="w2", bits=8) is NoClaim.TAKEN
    claims.finish(first.lease, GOOD)
    assert try_claim(claims, study, 0, owner="w2") is NoClaim.TAKEN
    assert try_claim(claims, study, 0, owner="w1") is NoClaim.TAKEN
    assert len(repository.trials(study.id)) == 1


def test_finished_number_with_another_candidate_betrays_a_replaced_optuna_study(
    claims: ClaimRepository, study: StudyRecord
) -> None:
    claims.finish(claim_trial(claims, study.id, 0).lease, GOOD)
    with pytest.raises(StudyMismatchError, match="trial 0 is stored with another candidate"):
        try_claim(claims, study, 0, bits=8)


def test_claim_whose_answer_was_lost_is_handed_out_again_even_on_a_spent_budget(
    claims: ClaimRepository, study: StudyRecord
) -> None:
    first = claim_trial(claims, study.id, 0, budget=1)
    assert claim_trial(claims, study.id, 0, budget=1) == first


def test_unknown_study_or_trial_is_refused(claims: ClaimRepository, study: StudyRecord) -> None:
    with pytest.raises(SelectionError, match="no study has the id 77"):
        claims.claim_abandoned(77, owner="w1", ttl_s=60.0)
    with pytest.raises(SelectionError, match="no study has the id 77"):
        claims.places(77, budget=1)
    with pytest.raises(SelectionError, match="no trial 9"):
        claims.finish(Lease(study_id=study.id, number=9, epoch=1), GOOD)


def test_trial_of_a_live_worker_is_nobody_elses(claims: ClaimRepository, study: StudyRecord) -> None:
    claim_trial(claims, study.id, 0, owner="w1")
    assert claims.claim_abandoned(study.id, owner="w2", ttl_s=60.0) is None


def test_restarted_worker_gets_its_own_trial_back_at_once(claims: ClaimRepository, study: StudyRecord, expire) -> None:
    claim_trial(claims, study.id, 0, owner="other")
    claim_trial(claims, study.id, 1, owner="w1")
    expire(0)
    own = claims.claim_abandoned(study.id, owner="w1", ttl_s=60.0)
    assert own is not None
    assert own.lease == Lease(study_id=study.id, number=1, epoch=2)
    assert (own.trial.seed, own.trial.candidate) == (1, build_candidate())


def test_oldest_expired_trial_is_taken_over_once(claims: ClaimRepository, study: StudyRecord, expire) -> None:
    for number in (2, 0, 1):
        claim_trial(claims, study.id, number, owner=f"dead{number}")
    for number in (1, 2):
        expire(number)
    taken = [claims.claim_abandoned(study.id, owner=f"w{step}", ttl_s=60.0) for step in range(3)]
    assert [claim and (claim.lease.number, claim.lease.epoch, claim.trial.owner) for claim in taken] == [
        (1, 2, "w0"),
        (2, 2, "w1"),
        None,
    ]


def test_lease_expires_by_the_databases_clock(claims: ClaimRepository, study: StudyRecord) -> None:
    claim_trial(claims, study.id, 0, owner="w1", ttl_s=0.3)
    claim_trial(claims, study.id, 1, owner="w1", ttl_s=60.0)
    time.sleep(0.35)
    taken = claims.claim_abandoned(study.id, owner="w2", ttl_s=60.0)
    assert taken is not None
    assert taken.lease.number == 0
    assert claims.claim_abandoned(study.id, owner="w2b", ttl_s=60.0) is None


def test_renewed_lease_holds(claims: ClaimRepository, study: StudyRecord, expire) -> None:
    claim = claim_trial(claims, study.id, 0, owner="w1")
    expire(0)
    assert claims.renew(claim.lease, ttl_s=60.0), "nobody took it over"
    assert claims.claim_abandoned(study.id, owner="w2", ttl_s=60.0) is None


def test_released_trial_is_anybodys_at_once(claims: ClaimRepository, study: StudyRecord) -> None:
    claim = claim_trial(claims, study.id, 0, owner="w1")
    claims.release(claim.lease)
    taken = claims.claim_abandoned(study.id, owner="w2", ttl_s=60.0)
    assert taken is not None
    assert taken.lease.epoch == 2
    claims.release(claim.lease)
    assert claims.claim_abandoned(study.id, owner="w3", ttl_s=60.0) is None, "an older lease releases nothing"


def test_late_worker_is_fenced_off(claims: ClaimRepository, repository: Repository, study: StudyRecord, expire) -> None:
    late = claim_trial(claims, study.id, 0, owner="late")
    expire(0)
    taken = claims.claim_abandoned(study.id, owner="w2", ttl_s=60.0)
    assert taken is not None
    assert not claims.renew(late.lease, ttl_s=60.0)
    with pytest.raises(FencedError, match=r"trial 0 was taken over by 'w2' \(epoch 2, yours is 1\)"):
        claims.finish(late.lease, BETTER, artifacts={"model.h5": "b" * 64})
    assert repository.trial(study.id, 0) == taken.trial
    assert repository.artifacts(study.id, 0) == {}
    claims.finish(taken.lease, GOOD, artifacts={"model.h5": "a" * 64})
    with pytest.raises(FencedError):
        claims.finish(late.lease, BETTER, artifacts={"model.h5": "b" * 64})
    assert repository.trial(study.id, 0).measurement == GOOD.measurement
    assert repository.artifacts(study.id, 0) == {"model.h5": "a" * 64}


def test_result_that_is_delivered_twice_counts_once(
    claims: ClaimRepository, repository: Repository, study: StudyRecord
) -> None:
    lease = claim_trial(claims, study.id, 0).lease
    stored = claims.finish(lease, GOOD, artifacts={"model.h5": "a" * 64})
    assert claims.finish(lease, BETTER, artifacts={"model.h5": "b" * 64}) == stored
    assert repository.trial(study.id, 0) == stored
    assert repository.artifacts(study.id, 0) == {"model.h5": "a" * 64}
    assert len(repository.revisions(study.id)) == 2


def test_finished_trial_has_no_lease(claims: ClaimRepository, study: StudyRecord, engine: Engine) -> None:
    lease = claim_trial(claims, study.id, 0).lease
    claims.finish(lease, GOOD)
    assert expires_at(engine, 0) is None
    assert not claims.renew(lease, ttl_s=60.0)
    claims.release(lease)
    assert expires_at(engine, 0) is None
    assert claims.claim_abandoned(study.id, owner="w1", ttl_s=60.0) is None


def test_stopped_trial_stays_off_the_front(claims: ClaimRepository, repository: Repository, study: StudyRecord) -> None:
    record = claims.finish(claim_trial(claims, study.id, 0).lease, STOPPED)
    assert (record.state, record.measurement, record.reason) == (TrialState.STOPPED, None, "rung 0: rank 3 of 6")
    assert repository.front(study.id) == []
    assert check_front(repository, study.id) == []


def test_text_that_is_no_digest_is_refused(claims: ClaimRepository, repository: Repository, study: StudyRecord) -> None:
    lease = claim_trial(claims, study.id, 0).lease
    with pytest.raises(ArtifactError, match="64 lower-case"):
        claims.finish(lease, GOOD, artifacts={"model.h5": "../secret"})
    assert repository.trial(study.id, 0).state is TrialState.RUNNING


def test_workers_at_once_never_exceed_the_budget(database_url: str, engine: Engine, study: StudyRecord) -> None:
    """Eight workers race for 20 places; every third trial is refused and leaves its place to another."""
    numbers, lock = count(), threading.Lock()

    def work(name: int) -> int:
        own = open_engine(database_url)
        claims, n_trained = ClaimRepository(own), 0
        while not claims.places(study.id, budget=20).is_over:
            with lock:  # Optuna's part: a number for everybody
                number = next(numbers)
            claim = try_claim(claims, study, number, owner=f"w{name}", budget=20)
            if isinstance(claim, Claim):
                is_refused = number % 3 == 0
                claims.finish(claim.lease, REFUSED if is_refused else build_outcome(0.5, 0.5, size_bytes=900 - number))
                n_trained += not is_refused
        own.dispose()
        return n_trained

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(work, range(8))) == 20
    repository = Repository(engine)
    counts = repository.count_trials(study.id)
    assert (counts[TrialState.COMPLETE], counts[TrialState.RUNNING]) == (20, 0)
    assert check_front(repository, study.id) == []


def test_one_of_many_gets_a_number_and_one_an_abandoned_trial(
    database_url: str, engine: Engine, study: StudyRecord, expire
) -> None:
    barrier = threading.Barrier(6)

    def race(name: int) -> tuple[Claim | NoClaim, Claim | None]:
        own = open_engine(database_url)
        claims = ClaimRepository(own)
        barrier.wait()
        new = try_claim(claims, study, 7, owner=f"w{name}")
        if barrier.wait() == 0:
            expire(7)
        barrier.wait()
        abandoned = claims.claim_abandoned(study.id, owner=f"fresh{name}", ttl_s=60.0)
        own.dispose()
        return new, abandoned

    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(race, range(6)))
    assert sorted(isinstance(new, Claim) for new, _ in results) == [False] * 5 + [True]
    assert sorted(abandoned is not None for _, abandoned in results) == [False] * 5 + [True]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.sampled_from(["claim", "die", "take", "finish", "twice"]), st.integers(0, 3))))
def test_any_history_has_one_result_per_trial_and_an_exact_budget(engine: Engine, steps) -> None:
    """Three workers and a budget of four, against a model that is a dictionary."""
    repository, claims = Repository(engine), ClaimRepository(engine)
    study = create_study(repository, name=f"s{len(repository.studies())}")
    held: list[Lease] = []
    expected: dict[int, tuple[int, bool]] = {}  # number -> epoch, finished
    for step, choice in steps:
        match step:
            case "claim":
                number = len(expected)
                claim = try_claim(claims, study, number, owner=f"w{choice}", budget=4)
                assert isinstance(claim, Claim) == (number < 4)
                if isinstance(claim, Claim):
                    expected[number] = 1, False
                    held.append(claim.lease)
            case "die" if held:
                claims.release(held[choice % len(held)])
            case "take":
                claim = claims.claim_abandoned(study.id, owner="taker", ttl_s=60.0)
                if claim is not None:
                    epoch, is_finished = expected[claim.lease.number]
                    assert (claim.lease.epoch, is_finished) == (epoch + 1, False)
                    expected[claim.lease.number] = epoch + 1, False
                    held.append(claim.lease)
            case "finish" | "twice" if held:
                lease = held[choice % len(held)]
                if lease.epoch < expected[lease.number][0]:
                    with pytest.raises(FencedError):
                        claims.finish(lease, GOOD)
                else:
                    claims.finish(lease, GOOD)
                    expected[lease.number] = lease.epoch, True
    states = {trial.number: trial.state is TrialState.COMPLETE for trial in repository.trials(study.id)}
    assert states == {number: is_finished for number, (_, is_finished) in expected.items()}
    assert check_front(repository, study.id) == []
