"""The engine: how a database is opened, how sessions begin, and how its errors read. No tables here."""

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session, sessionmaker

from spaces.errors import SetupError, StorageError
from storage.file_systems import check_local
from storage.outages import is_outage

BUSY_TIMEOUT_S = 30.0

_SCHEMES = ("sqlite", "sqlite+pysqlite", "postgresql+psycopg")
_BEGIN_IMMEDIATE = "cosearch_begin_immediate"
# Up to the last @: a password that was not percent-encoded may itself hold an @ or a slash.
_URL_PASSWORD = re.compile(r"(://[^:/@]*:).*@")
_QUERY_PASSWORD = re.compile(r"([?&][^=&]*password[^=&]*=)[^&]*", re.IGNORECASE)
_SERVER_ADVICE = "check that the server runs and that host, port, user, password and database name are right"
_OTHER_ADVICE = "run the command again; if it stays, the database was changed by hand or by another version"

# A pool for one worker: its training thread and its heartbeat. A server that died without a word is noticed within half
# a minute, and a client that died in the middle of a transaction does not keep the study's lock.
_SERVER_OPTIONS: dict[str, Any] = {"pool_pre_ping": True, "pool_size": 2, "max_overflow": 2, "pool_timeout": 30}
_SERVER_CONNECT_ARGS: dict[str, str | int] = {
    "connect_timeout": 10,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
    "options": "-c statement_timeout=60s -c lock_timeout=30s -c idle_in_transaction_session_timeout=60s",
    "application_name": "cosearch",
}

# SQLite's primary result codes; the extended codes carry them in their low byte.
_SQLITE_ADVICE: dict[int, str] = {
    sqlite3.SQLITE_BUSY: "another program holds its lock; end that program or wait, then run the command again",
    sqlite3.SQLITE_LOCKED: "another program holds its lock; end that program or wait, then run the command again",
    sqlite3.SQLITE_CANTOPEN: "check that it is a file in a folder that you may write to",
    sqlite3.SQLITE_NOTADB: "the file is no SQLite database; move it away or give another path",
    sqlite3.SQLITE_CORRUPT: "the file is damaged; restore a copy, or save what is left with `sqlite3 FILE .recover`",
    sqlite3.SQLITE_FULL: "the disk is full; free some space and run the command again, nothing committed is lost",
    sqlite3.SQLITE_READONLY: "make the file and its folder writable, or copy the database to a writable folder",
    sqlite3.SQLITE_IOERR: "the disk failed to read or write; check its space and health, then run the command again",
}


def normalize_url(text: str) -> str:
    """Return a full database URL for a URL or a bare path of an SQLite file.

    `studies.db` becomes `sqlite:///studies.db`; `postgresql://` and `postgres://` get the psycopg 3 driver.

    Raises:
        SetupError: the text is empty, or names a database of another kind.
    """
    if not text.strip():
        raise SetupError("the database must be a path such as studies.db or a URL; got an empty text.")
    scheme, separator, rest = text.partition("://")
    if not separator:
        return URL.create("sqlite", database=text).render_as_string()
    if scheme in ("postgresql", "postgres"):
        return f"postgresql+psycopg://{rest}"
    if scheme not in _SCHEMES:
        raise SetupError(
            f"studies live in an SQLite file or on a PostgreSQL server, sqlite:///studies.db or "
            f"postgresql://user@host/database; got {masked(text)}."
        )
    return text


def masked(url: str | URL) -> str:
    """Return the URL with every password replaced by `***`, fit for messages."""
    text = url.render_as_string(hide_password=False) if isinstance(url, URL) else url
    return _QUERY_PASSWORD.sub(r"\1***", _URL_PASSWORD.sub(r"\1***@", text))


def sqlite_file(url: str) -> Path | None:
    """Return the file of an SQLite database; None for one in memory and for a server.

    Raises:
        StorageError: the text is no URL.
    """
    with url_errors(url):
        parsed = make_url(normalize_url(url))
        is_file = parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:")
    return Path(str(parsed.database)) if is_file else None


def is_missing(url: str) -> bool:
    """Return whether a URL names an SQLite file that is not there, which opening it would create."""
    file = sqlite_file(url)
    return file is not None and not file.is_file()


def check_exists(url: str) -> None:
    """Refuse an SQLite file that is not there, which opening it would create; other databases pass.

    Raises:
        StorageError: the file or its folder is missing.
    """
    file = sqlite_file(url)
    if file is None:
        return
    _check_folder(file, database=masked(url))
    if is_missing(url):
        raise StorageError(f"there is no database {masked(url)}; `launch` makes one, or give another --storage.")


def open_engine(url: str) -> Engine:
    """Open a database and check that it answers.

    SQLite gets a write-ahead log, foreign keys, a wait of `BUSY_TIMEOUT_S` for locks, and a sync to disk at every
    commit: a kill or a power loss takes back nothing that was committed. Other databases get `server_options`.

    Args:
        url: a URL, or the bare path of an SQLite file, which is created if only the file is missing.

    Raises:
        StorageError: the URL cannot be read; the file cannot be opened, is no database or lies on a network file
            system; the server does not answer.
        SetupError: the database's driver is not installed.
    """
    engine = _make_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    try:
        with storage_errors(engine.url), engine.connect() as connection:
            _read_something(connection)
    except StorageError:
        engine.dispose()
        raise
    return engine


@contextmanager
def look(url: str) -> Iterator[Connection]:
    """Connect to a database that is there, for one look that writes nothing, not even the switch to a write-ahead log.

    Raises:
        StorageError: as `open_engine`; the database failed inside the block.
        SetupError: the database's driver is not installed.
    """
    engine = _make_engine(url)
    try:
        with storage_errors(engine.url), engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def server_options(url: str | URL) -> dict[str, Any]:
    """Return the arguments of `create_engine` for a database server: its pool, and how long a connection waits.

    What the URL's query sets itself is left to it.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "postgresql":
        return _SERVER_OPTIONS
    own = {name: value for name, value in _SERVER_CONNECT_ARGS.items() if name not in parsed.query}
    return {**_SERVER_OPTIONS, "connect_args": own}


def read_sessions(engine: Engine) -> sessionmaker[Session]:
    """Return a maker of sessions that see one unchanging state of the database."""
    if engine.dialect.name == "sqlite":
        return sessionmaker(engine)
    return sessionmaker(engine.execution_options(isolation_level="REPEATABLE READ"))


def write_sessions(engine: Engine) -> sessionmaker[Session]:
    """Return a maker of sessions for transactions that write."""
    return sessionmaker(write_engine(engine))


def write_engine(engine: Engine) -> Engine:
    """Return the engine with transactions that take SQLite's write lock at their start.

    A transaction that reads first and asks for the lock later cannot wait for it when another one wrote in between
    (SQLITE_BUSY at once, whatever the timeout).
    """
    return engine.execution_options(**{_BEGIN_IMMEDIATE: True})


@contextmanager
def url_errors(url: str) -> Iterator[None]:
    """Turn what SQLAlchemy says of a text that is no URL, which may quote a part of the password, into our words.

    Raises:
        StorageError: the text was refused inside the block.
    """
    try:
        yield
    except (ArgumentError, ValueError):
        raise StorageError(
            f"{masked(url)!r} is no database URL; write e.g. studies.db or postgresql://user@host:5432/name."
        ) from None


@contextmanager
def storage_errors(url: str | URL) -> Iterator[None]:
    """Turn the database's errors into `StorageError`, with the masked URL and what to do.

    `IntegrityError` passes: it is a lost race, which the caller knows, or a mistake in this package.

    Raises:
        StorageError: the database failed inside the block.
    """
    try:
        yield
    except IntegrityError:
        raise
    except DBAPIError as error:
        text = f"database {masked(url)}: {_reason(error, url)}; {_advice(error)}."
        raise StorageError(text, is_transient=is_outage(error)) from error
    except PoolTimeoutError as error:
        text = f"database {masked(url)}: no free connection; run fewer tasks at once."
        raise StorageError(text, is_transient=True) from error
    except json.JSONDecodeError as error:  # of a column's text, which SQLite does not check
        advice = _SQLITE_ADVICE[sqlite3.SQLITE_CORRUPT]
        raise StorageError(f"database {masked(url)}: a stored value is no JSON ({error}); {advice}.") from error


def _check_folder(file: Path, *, database: str) -> None:
    folder = file.parent
    if not folder.is_dir():
        raise StorageError(f"database {database}: folder {folder} does not exist; create it or give another path.")
    check_local(folder, database=database)


def _make_engine(url: str) -> Engine:
    file = sqlite_file(url)
    if file is not None:
        _check_folder(file, database=masked(url))
    try:
        with url_errors(url):
            parsed = make_url(normalize_url(url))
            is_sqlite = parsed.get_backend_name() == "sqlite"
            return create_engine(parsed) if is_sqlite else create_engine(parsed, **server_options(parsed))
    except ModuleNotFoundError as error:
        raise SetupError(f"database {masked(url)} needs the Python package {error.name!r}; install it.") from None


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # Without this pysqlite decides itself when a transaction begins, and leaves reads and DDL outside of it.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT_S * 1000)}")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        connection.execute("PRAGMA journal_mode = WAL")


def _begin_sqlite(connection: Connection) -> None:
    is_write = connection.get_execution_options().get(_BEGIN_IMMEDIATE, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_write else "BEGIN")


def _read_something(connection: Connection) -> None:
    # SELECT 1 would not open SQLite's file.
    is_sqlite = connection.dialect.name == "sqlite"
    connection.exec_driver_sql("SELECT count(*) FROM sqlite_master" if is_sqlite else "SELECT 1")


def _reason(error: DBAPIError, url: str | URL) -> str:
    text = _first_line(error.orig or error)
    password = make_url(url).password
    return text.replace(password, "***") if password else text


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__


def _advice(error: DBAPIError) -> str:
    if isinstance(error.orig, sqlite3.Error):
        return _SQLITE_ADVICE.get(getattr(error.orig, "sqlite_errorcode", 0) & 0xFF, _OTHER_ADVICE)
    return _SERVER_ADVICE if isinstance(error, OperationalError) else _OTHER_ADVICE
