"""What is known of the worker processes, on every database."""

from dataclasses import replace

import pytest
from sqlalchemy import Engine, text

from spaces.errors import SelectionError, SetupError
from storage.records import StudyRecord
from storage.repository import Repository
from storage.sql import write_engine
from storage.workers import MAX_SQLITE_WORKERS, WorkerIdentity, WorkerRepository, WorkerState
from tests.builders import create_study


@pytest.fixture
def workers(engine: Engine) -> WorkerRepository:
    return WorkerRepository(engine)


@pytest.fixture
def study(engine: Engine) -> StudyRecord:
    return create_study(Repository(engine))


def identity(name: str, *, pid: int = 1) -> WorkerIdentity:
    return WorkerIdentity(name=name, host="node7", pid=pid, n_threads=2)


def silence(engine: Engine, name: str) -> None:
    with write_engine(engine).begin() as connection:
        statement = text("UPDATE cosearch_workers SET last_seen_at = last_seen_at - 100 WHERE name = :name")
        connection.execute(statement, {"name": name})


def names(workers: WorkerRepository, study: StudyRecord) -> list[str]:
    return [worker.identity.name for worker in workers.alive(study.id, within_s=30.0)]


def test_worker_that_joined_is_idle_and_alive(workers: WorkerRepository, study: StudyRecord) -> None:
    workers.join(study.id, identity("w1"), within_s=30.0)
    (worker,) = workers.alive(study.id, within_s=30.0)
    assert (worker.identity, worker.state, worker.number) == (identity("w1"), WorkerState.IDLE, None)
    assert worker.started_at == worker.last_seen_at


def test_beat_says_what_a_worker_does(workers: WorkerRepository, study: StudyRecord, engine: Engine) -> None:
    workers.join(study.id, identity("w1"), within_s=30.0)
    silence(engine, "w1")
    assert names(workers, study) == []
    workers.beat(study.id, "w1", state=WorkerState.TRAINING, number=5)
    (worker,) = workers.alive(study.id, within_s=30.0)
    assert (worker.state, worker.number) == (WorkerState.TRAINING, 5)
    assert worker.last_seen_at >= worker.started_at


def test_worker_that_ended_is_not_alive(workers: WorkerRepository, study: StudyRecord) -> None:
    for name in ("w2", "w1"):
        workers.join(study.id, identity(name), within_s=30.0)
    assert names(workers, study) == ["w1", "w2"]
    workers.beat(study.id, "w1", state=WorkerState.ENDED)
    assert names(workers, study) == ["w2"]


def test_restarted_worker_takes_its_name_over(workers: WorkerRepository, study: StudyRecord) -> None:
    workers.join(study.id, identity("w1", pid=1), within_s=30.0)
    workers.beat(study.id, "w1", state=WorkerState.TRAINING, number=5)
    workers.join(study.id, identity("w1", pid=2), within_s=30.0)
    (worker,) = workers.alive(study.id, within_s=30.0)
    assert (worker.identity.pid, worker.state, worker.number) == (2, WorkerState.IDLE, None)


def test_workers_of_two_studies_do_not_mix(workers: WorkerRepository, study: StudyRecord, engine: Engine) -> None:
    other = create_study(Repository(engine), name="other")
    workers.join(other.id, replace(identity("w1"), host="elsewhere"), within_s=30.0)
    assert names(workers, study) == []
    with pytest.raises(SelectionError, match="no study has the id 77"):
        workers.alive(77, within_s=30.0)


def test_sqlite_bears_eight_workers_and_a_server_more(
    workers: WorkerRepository, study: StudyRecord, engine: Engine
) -> None:
    for number in range(MAX_SQLITE_WORKERS):
        workers.join(study.id, identity(f"w{number}"), within_s=30.0)
    workers.join(study.id, identity("w0"), within_s=30.0)
    if engine.dialect.name != "sqlite":
        workers.join(study.id, identity("w8"), within_s=30.0)
        assert len(names(workers, study)) == 9
        return
    with pytest.raises(SetupError, match=r"8 workers run this study already and .*at most 8; use PostgreSQL"):
        workers.join(study.id, identity("w8"), within_s=30.0)
    assert len(names(workers, study)) == 8
    silence(engine, "w3")
    workers.join(study.id, identity("w8"), within_s=30.0)
