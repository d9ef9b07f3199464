"""What is kept of every rung, on every database."""

from dataclasses import replace

import pytest
from sqlalchemy import Engine

from spaces.errors import ArtifactError, FencedError, SelectionError
from storage.claims import ClaimRepository, Lease
from storage.records import StudyRecord
from storage.repository import Repository
from storage.rungs import RungRecord, RungRepository
from tests.builders import build_measurement, claim_trial, create_study

DECISION = {"rule": "hypervolume/1", "compared": {"0": [0.5, 0.25, 400]}, "rank": 0}
A, B, C = "a" * 64, "b" * 64, "c" * 64


@pytest.fixture
def rungs(engine: Engine) -> RungRepository:
    return RungRepository(engine)


@pytest.fixture
def claims(engine: Engine) -> ClaimRepository:
    return ClaimRepository(engine)


@pytest.fixture
def study(engine: Engine) -> StudyRecord:
    return create_study(Repository(engine))


def record(
    rungs: RungRepository, lease: Lease, rung: int, *, clean: float = 0.5, goes_on: bool = True, digest: str = A
) -> RungRecord:
    stored = rungs.record(
        lease, rung, measurement=build_measurement(clean, 0.25, size_bytes=400), goes_on=goes_on, decision=DECISION
    )
    rungs.keep_checkpoints(lease, rung, {"weights.h5": digest})
    return replace(stored, checkpoints={"weights.h5": digest})


def test_rung_reads_back_as_it_was_recorded(rungs: RungRepository, claims: ClaimRepository, study: StudyRecord) -> None:
    stored = record(rungs, claim_trial(claims, study.id, 4).lease, 1)
    assert rungs.rungs(study.id) == rungs.rungs(study.id, number=4) == [stored]
    assert (stored.number, stored.rung, stored.goes_on) == (4, 1, True)
    assert stored.measurement == build_measurement(0.5, 0.25, size_bytes=400)
    assert (stored.decision, stored.checkpoints) == (DECISION, {"weights.h5": A})
    assert stored.created_at.utcoffset() is not None


def test_rungs_come_by_trial_and_measurements_by_rung(
    rungs: RungRepository, claims: ClaimRepository, study: StudyRecord
) -> None:
    leases = [claim_trial(claims, study.id, number).lease for number in range(3)]
    for number, rung in ((2, 0), (0, 0), (0, 1)):
        record(rungs, leases[number], rung, clean=(1 + number + rung) / 8, goes_on=rung == 0)
    assert [(stored.number, stored.rung) for stored in rungs.rungs(study.id)] == [(0, 0), (0, 1), (2, 0)]
    assert [stored.rung for stored in rungs.rungs(study.id, number=2)] == [0]
    accuracies = {number: one.clean_accuracy for number, one in rungs.measured_at(study.id, 0).items()}
    assert accuracies == {0: 1 / 8, 2: 3 / 8}
    assert rungs.measured_at(study.id, 2) == {}
    with pytest.raises(SelectionError, match="no study has the id 77"):
        rungs.rungs(77)


def test_first_decision_stays_and_the_newer_checkpoint_replaces(
    rungs: RungRepository, claims: ClaimRepository, study: StudyRecord
) -> None:
    lease = claim_trial(claims, study.id, 0, owner="w1").lease
    first = record(rungs, lease, 0, goes_on=False)
    assert record(rungs, lease, 0, goes_on=False) == first, "the same call again"
    again = claims.claim_abandoned(study.id, owner="w1", ttl_s=60.0)
    assert again is not None
    second = record(rungs, again.lease, 0, clean=1.0, goes_on=True, digest=B)
    assert (second.measurement, second.goes_on, second.created_at) == (first.measurement, False, first.created_at)
    assert second.checkpoints == {"weights.h5": B}
    assert rungs.rungs(study.id) == [second]


def test_late_worker_records_no_rung(rungs: RungRepository, claims: ClaimRepository, study: StudyRecord) -> None:
    late = claim_trial(claims, study.id, 0, owner="w1").lease
    claims.release(late)
    assert claims.claim_abandoned(study.id, owner="w2", ttl_s=60.0) is not None
    with pytest.raises(FencedError, match="taken over by 'w2'"):
        record(rungs, late, 0)
    with pytest.raises(FencedError, match="taken over by 'w2'"):
        rungs.keep_checkpoints(late, 0, {"weights.h5": A})
    assert rungs.rungs(study.id) == []


def test_checkpoints_are_referred_to_until_they_are_dropped(
    rungs: RungRepository, claims: ClaimRepository, study: StudyRecord, engine: Engine
) -> None:
    repository = Repository(engine)
    for number, digest in ((0, A), (1, B)):
        lease = claim_trial(claims, study.id, number).lease
        for rung in (0, 1):
            record(rungs, lease, rung, digest=digest)
    assert repository.referenced_digests() == {A, B}
    assert repository.unreferenced({A, C}) == {C}
    rungs.drop_checkpoints(study.id, number=0)
    assert repository.unreferenced({A, B}) == {A}
    assert [dict(stored.checkpoints) for stored in rungs.rungs(study.id, number=0)] == [{}, {}]
    assert repository.unreferenced(set()) == set()


def test_text_that_is_no_digest_is_refused(rungs: RungRepository, claims: ClaimRepository, study: StudyRecord) -> None:
    with pytest.raises(ArtifactError, match="64 lower-case"):
        record(rungs, claim_trial(claims, study.id, 0).lease, 0, digest="../secret")
    assert [dict(stored.checkpoints) for stored in rungs.rungs(study.id)] == [{}]
