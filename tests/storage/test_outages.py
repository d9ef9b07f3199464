"""Which errors call for another attempt; the last tests stop and start a real server."""

import random
import signal
import sqlite3
from pathlib import Path
from threading import Timer

import pytest
from psycopg import OperationalError as PsycopgOperationalError
from psycopg import errors
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, ProgrammingError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

from spaces.errors import StorageError
from storage import sql
from storage.claims import ClaimRepository
from storage.migrations import upgrade
from storage.outages import is_outage, passes
from storage.repository import Repository
from storage.retrying import retrying
from storage.sql import open_engine, storage_errors, write_engine
from tests.builders import build_outcome, claim_trial, create_study
from tests.postgres_server import PostgresServer

REFUSED = 'connection failed: connection to server at "127.0.0.1", port 5432 failed: Connection refused'


def wrapped(original: Exception, kind: type[DBAPIError] = OperationalError) -> DBAPIError:
    return kind("SELECT 1", {}, original)


def execute(engine: Engine, *statements: str) -> None:
    """Run statements in one writing transaction."""
    with storage_errors(engine.url), write_engine(engine).begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def go_on_after(engine: Engine, failing: str) -> None:
    """Do as Optuna does: it takes every such error for that of a query that was too long, and sends a shorter one."""
    try:
        with Session(engine) as session:
            try:
                session.execute(text(failing))
            except DBAPIError:
                session.execute(text("SELECT 1"))
    except SQLAlchemyError as error:
        raise RuntimeError("an exception is raised during the commit") from error


@pytest.mark.parametrize(
    "original",
    [
        errors.AdminShutdown("terminating connection due to administrator command"),
        errors.CrashShutdown("terminating connection because of crash of another server process"),
        errors.CannotConnectNow("the database system is starting up"),
        errors.DeadlockDetected("deadlock detected"),
        errors.SerializationFailure("could not serialize access"),
        errors.LockNotAvailable("canceling statement due to lock timeout"),
        errors.QueryCanceled("canceling statement due to statement timeout"),
        errors.TooManyConnections("sorry, too many clients already"),
        PsycopgOperationalError(REFUSED),
        PsycopgOperationalError("server closed the connection unexpectedly"),
        PsycopgOperationalError("connection failed: FATAL:  the database system is in recovery mode"),
        PsycopgOperationalError("connection timeout expired"),
    ],
    ids=lambda original: str(original)[:40],
)
def test_outage_passes(original: Exception) -> None:
    assert is_outage(wrapped(original))


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        (wrapped(PsycopgOperationalError(REFUSED)), True),
        (IntegrityError("INSERT", {}, errors.UniqueViolation("duplicate key")), True),
        (PoolTimeoutError("QueuePool limit of size 2 overflow 2 reached"), True),
        (wrapped(errors.InvalidPassword("password authentication failed")), False),
        (ValueError("nonsense"), False),
        (None, False),
    ],
)
def test_error_of_another_library_passes_where_its_cause_does(cause: Exception | None, expected: bool) -> None:
    error, outer = RuntimeError("an exception is raised during the commit"), RuntimeError("the storage failed")
    error.__cause__, outer.__cause__ = cause, error
    assert passes(outer) == expected


@pytest.mark.parametrize(
    ("original", "kind"),
    [
        (PsycopgOperationalError('connection failed: FATAL:  password authentication failed for user "x"'), None),
        (PsycopgOperationalError('connection failed: FATAL:  database "nothing" does not exist'), None),
        (PsycopgOperationalError("failed to resolve host 'typo': [Errno -2] Name or service not known"), None),
        (errors.UndefinedTable("relation does not exist"), ProgrammingError),
        (errors.DiskFull("could not extend file"), OperationalError),
        (sqlite3.OperationalError("no such table"), OperationalError),
    ],
    ids=lambda value: str(value)[-30:],
)
def test_mistake_does_not_pass(original: Exception, kind: type[DBAPIError] | None) -> None:
    assert not is_outage(wrapped(original, kind or OperationalError))


def test_lock_of_sqlite_is_an_outage_and_a_missing_table_is_not(
    database: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql, "BUSY_TIMEOUT_S", 0.05)
    waiting = open_engine(str(database))
    with write_engine(engine).begin(), pytest.raises(StorageError, match="locked") as caught:
        execute(waiting, "UPDATE cosearch_studies SET name = 'other'")
    assert caught.value.is_transient
    with pytest.raises(StorageError, match="no such table") as caught:
        execute(waiting, "SELECT * FROM missing")
    assert not caught.value.is_transient
    waiting.dispose()


@pytest.mark.postgres
def test_missing_database_of_a_server_is_a_mistake(postgres_server: PostgresServer) -> None:
    with pytest.raises(StorageError, match='database "nothing" does not exist') as caught:
        open_engine(postgres_server.url("nothing"))
    assert not caught.value.is_transient


@pytest.mark.postgres
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["stopped", "killed"])
def test_call_during_an_outage_succeeds_once_the_server_is_back(
    postgres_server: PostgresServer, how: signal.Signals
) -> None:
    engine = open_engine(postgres_server.create_database())
    upgrade(engine)
    repository, claims = Repository(engine), ClaimRepository(engine)
    study = create_study(repository)
    lease = claim_trial(claims, study.id, 0).lease
    outcome = build_outcome(0.5, 0.5, size_bytes=500)
    postgres_server.stop(how)
    restart = Timer(1.0, postgres_server.start)
    try:
        with pytest.raises(StorageError) as caught:
            claims.finish(lease, outcome)
        assert caught.value.is_transient
        restart.start()
        record = retrying(lambda: claims.finish(lease, outcome), deadline_s=120.0, rng=random.Random(0))
    finally:
        if restart.is_alive():
            restart.join()
        if not postgres_server.is_running:
            postgres_server.start()
    assert repository.trials(study.id) == [record]
    assert [trial.number for trial in repository.front(study.id)] == [0]
    engine.dispose()


@pytest.mark.postgres
def test_connection_cut_in_the_middle_of_a_transaction_stores_nothing(postgres_server: PostgresServer) -> None:
    engine = open_engine(postgres_server.create_database())
    upgrade(engine)
    study = create_study(Repository(engine))
    kill = "SELECT pg_terminate_backend(pg_backend_pid())"
    with pytest.raises(StorageError, match="terminating connection") as caught:
        execute(engine, "UPDATE cosearch_studies SET name = 'other'", kill)
    assert caught.value.is_transient
    assert Repository(engine).get_study("tiny") == study
    engine.dispose()


@pytest.mark.postgres
def test_server_ends_a_transaction_whose_client_fell_silent(postgres_server: PostgresServer) -> None:
    engine = open_engine(postgres_server.create_database())
    with engine.connect() as connection:
        shown = [
            connection.exec_driver_sql(f"SHOW {name}").scalar_one()
            for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
        ]
    assert shown == ["1min", "30s", "1min"]
    engine.dispose()


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("failing", "expected"),
    [
        ("SELECT pg_terminate_backend(pg_backend_pid())", True),
        ("SET LOCAL statement_timeout = 1; SELECT pg_sleep(10)", True),
        ("SELECT * FROM missing", False),
    ],
)
def test_library_that_goes_on_in_a_failed_transaction_meets_the_outage_that_made_it_fail(
    postgres_server: PostgresServer, failing: str, expected: bool
) -> None:
    engine = open_engine(postgres_server.create_database())
    with pytest.raises(RuntimeError) as raised:
        go_on_after(engine, failing)
    assert passes(raised.value) == expected
    engine.dispose()
