"""Who may train a float parent, on every database."""

import threading

import pytest
from sqlalchemy import Engine, text

from spaces.errors import SelectionError
from storage.parent_leases import ParentLease, ParentLeases
from storage.records import StudyRecord
from storage.repository import Repository
from storage.sql import write_engine
from storage.workers import WorkerIdentity, WorkerRepository
from tests.builders import create_study

TTL_S = 60.0
FIRST, SECOND = ParentLease(key="p", epoch=1), ParentLease(key="p", epoch=2)


@pytest.fixture
def leases(engine: Engine) -> ParentLeases:
    return ParentLeases(engine)


@pytest.fixture
def study(engine: Engine) -> StudyRecord:
    return create_study(Repository(engine))


def expire(engine: Engine) -> None:
    with write_engine(engine).begin() as connection:
        connection.execute(text("UPDATE cosearch_parent_leases SET expires_at = expires_at - 100"))


def take(leases: ParentLeases, study: StudyRecord, owner: str, *, key: str = "p") -> ParentLease | None:
    return leases.take(key, study_id=study.id, owner=owner, ttl_s=TTL_S)


def test_one_worker_has_a_parent_and_another_one_another_parent(leases: ParentLeases, study: StudyRecord) -> None:
    assert take(leases, study, "w1") == FIRST
    assert take(leases, study, "w2") is None
    assert take(leases, study, "w2", key="q") == ParentLease(key="q", epoch=1)


def test_restarted_worker_gets_its_own_back(leases: ParentLeases, study: StudyRecord) -> None:
    assert take(leases, study, "w1") == FIRST
    assert take(leases, study, "w1") == SECOND
    assert not leases.renew(FIRST, ttl_s=TTL_S)


def test_worker_of_the_same_name_in_another_study_is_another_one(
    leases: ParentLeases, study: StudyRecord, engine: Engine
) -> None:
    other = create_study(Repository(engine), name="other")
    assert take(leases, study, "w1") == FIRST
    assert take(leases, other, "w1") is None


def test_expired_lease_is_taken_over_and_the_late_one_changes_nothing(
    leases: ParentLeases, study: StudyRecord, engine: Engine
) -> None:
    take(leases, study, "w1")
    expire(engine)
    assert leases.holder("p") is None
    assert take(leases, study, "w2") == SECOND
    assert not leases.renew(FIRST, ttl_s=TTL_S)
    leases.release(FIRST)
    assert take(leases, study, "w3") is None


def test_renewal_keeps_a_lease_also_one_that_expired(leases: ParentLeases, study: StudyRecord, engine: Engine) -> None:
    take(leases, study, "w1")
    expire(engine)
    assert leases.renew(FIRST, ttl_s=TTL_S)
    assert take(leases, study, "w2") is None


def test_released_lease_is_free_at_once(leases: ParentLeases, study: StudyRecord) -> None:
    take(leases, study, "w1")
    leases.release(FIRST)
    assert leases.holder("p") is None
    assert take(leases, study, "w2") == SECOND


def test_holder_is_told_with_its_process(leases: ParentLeases, study: StudyRecord, engine: Engine) -> None:
    assert leases.holder("p") is None
    take(leases, study, "w1")
    unknown = leases.holder("p")
    assert unknown is not None
    assert (unknown.lease, unknown.worker) == (FIRST, None)
    identity = WorkerIdentity(name="w1", host="node7", pid=12, n_threads=2)
    WorkerRepository(engine).join(study.id, identity, within_s=TTL_S)
    known = leases.holder("p")
    assert known is not None
    assert (known.lease, known.worker) == (FIRST, identity)


def test_unknown_study_is_refused(leases: ParentLeases) -> None:
    with pytest.raises(SelectionError, match="no study has the id 77"):
        leases.take("p", study_id=77, owner="w1", ttl_s=TTL_S)


def test_of_workers_that_ask_at_once_one_gets_it(leases: ParentLeases, study: StudyRecord) -> None:
    barrier = threading.Barrier(3)
    for key in ("p", "q", "r"):
        found: list[ParentLease | None] = []

        def ask(owner: str, key: str = key, found: list[ParentLease | None] = found) -> None:
            barrier.wait()
            found.append(take(leases, study, owner, key=key))

        threads = [threading.Thread(target=ask, args=(f"w{number}",)) for number in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 3
        assert [lease for lease in found if lease is not None] == [ParentLease(key=key, epoch=1)]
