from pathlib import Path

import pytest
from sqlalchemy import Engine, make_url, text
from sqlalchemy.exc import IntegrityError

from spaces.errors import SetupError, StorageError
from storage import sql
from storage.migrations import upgrade
from storage.repository import Repository
from storage.sql import (
    check_exists,
    is_missing,
    masked,
    normalize_url,
    open_engine,
    server_options,
    storage_errors,
    write_engine,
)


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("studies.db", "sqlite:///studies.db"),
        ("/data/my studies.db", "sqlite:////data/my studies.db"),
        ("sqlite:///studies.db", "sqlite:///studies.db"),
        ("postgresql://u:p@host:5432/db?sslmode=require", "postgresql+psycopg://u:p@host:5432/db?sslmode=require"),
        ("postgres://u@host/db", "postgresql+psycopg://u@host/db"),
        ("postgresql+psycopg://u@host/db", "postgresql+psycopg://u@host/db"),
    ],
)
def test_path_or_url_becomes_a_full_url(given: str, url: str) -> None:
    assert normalize_url(given) == url
    assert normalize_url(url) == url


@pytest.mark.parametrize("url", ["mysql://me:secret@host/db", "postgresql+psycopg2://host/db", "://me:secret@host"])
def test_databases_of_other_kinds_are_refused_without_their_passwords(url: str) -> None:
    with pytest.raises(SetupError, match="live in an SQLite file or on a PostgreSQL server") as refused:
        normalize_url(url)
    assert "secret" not in str(refused.value)


def test_empty_database_text_is_refused() -> None:
    with pytest.raises(SetupError, match="got an empty text"):
        normalize_url(" ")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://user:s3cret@host/db",
        "postgresql+psycopg://user@host/db?password=s3cret",
        "postgresql+psycopg://user@host/db?sslmode=require&sslPassword=s3cret",
        "postgresql+psycopg://user:s3cret@host:not_a_port/db",
        "postgresql+psycopg://user:a@b/s3cret@host/db",
    ],
)
def test_password_is_masked(url: str) -> None:
    assert "s3cret" not in masked(url)
    assert "***" in masked(url)
    assert "user" in masked(url)


def test_masked_url_keeps_the_rest() -> None:
    assert masked("postgresql+psycopg://user:s3cret@host/db") == "postgresql+psycopg://user:***@host/db"
    assert masked("sqlite:///studies.db") == "sqlite:///studies.db"


def test_sqlite_is_opened_so_that_commits_last(engine: Engine) -> None:
    with engine.connect() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="nowhere does not exist; create it"):
        open_engine(str(tmp_path / "nowhere" / "studies.db"))


def test_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but long enough to look at " * 10)
    with pytest.raises(StorageError, match=r"notes\.txt: file is not a database; .* move it away"):
        open_engine(str(path))
    assert path.read_text().startswith("not a database")


def test_folder_in_place_of_a_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="unable to open database file; check that it is a file"):
        open_engine(str(tmp_path))


def test_damaged_database_is_named(database: Path) -> None:
    engine = open_engine(str(database))
    upgrade(engine)
    engine.dispose()
    content = bytearray(database.read_bytes())
    content[100:] = b"\xff" * (len(content) - 100)
    database.write_bytes(content)
    with pytest.raises(StorageError, match="malformed; the file is damaged; restore a copy"):
        open_engine(str(database))


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://user:s3cret@host:port/x",
        "sqlite://user:s3cret/@x",
    ],
)
def test_unreadable_url_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(StorageError, match="is no database URL") as caught:
        open_engine(url)
    assert "s3cret" not in str(caught.value)


def test_database_without_our_tables_is_an_error_in_words(database: Path) -> None:
    engine = open_engine(str(database))
    with pytest.raises(StorageError, match="no such table: cosearch_studies"):
        Repository(engine).studies()
    engine.dispose()


def test_lock_of_another_program_is_an_error_in_words(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql, "BUSY_TIMEOUT_S", 0.05)
    holder, waiting = open_engine(str(database)), open_engine(str(database))
    with write_engine(holder).begin(), pytest.raises(StorageError, match="locked; another program holds its lock"):
        upgrade(waiting)
    upgrade(waiting)
    for engine in (holder, waiting):
        engine.dispose()


def test_reader_does_not_wait_for_a_writer(engine: Engine) -> None:
    with write_engine(engine).begin(), engine.connect() as reader:
        assert reader.execute(text("SELECT count(*) FROM cosearch_studies")).scalar_one() == 0


def test_broken_constraint_is_not_taken_for_a_failing_database(engine: Engine) -> None:
    orphan = "INSERT INTO cosearch_revisions VALUES (99, 0, NULL, 0.0, 0, '2026-01-01 00:00:00.000000')"
    with pytest.raises(IntegrityError), storage_errors(engine.url), write_engine(engine).begin() as connection:
        connection.execute(text(orphan))


def test_repository_shows_the_masked_url(repository: Repository, database: Path) -> None:
    assert repr(repository) == f"Repository('sqlite:///{database}')"


@pytest.mark.parametrize("scheme", ["", "sqlite:///", "sqlite+pysqlite:///"])
def test_a_missing_sqlite_file_is_named_and_not_created(tmp_path: Path, scheme: str) -> None:
    path = tmp_path / "typo.db"
    url = normalize_url(f"{scheme}{path}")
    with pytest.raises(StorageError, match=r"no database sqlite.*:///.*typo\.db; `launch` makes one"):
        check_exists(url)
    assert is_missing(url)
    assert not path.exists()


def test_an_existing_file_and_other_databases_pass(tmp_path: Path) -> None:
    path = tmp_path / "studies.db"
    path.touch()
    check_exists(normalize_url(str(path)))
    check_exists("postgresql+psycopg://user@host/name")


def test_what_the_url_sets_is_left_to_it() -> None:
    url = make_url("postgresql+psycopg://user@host/name?connect_timeout=3")
    options = server_options(url)
    assert "connect_timeout" not in options["connect_args"]
    assert "lock_timeout" in options["connect_args"]["options"]
    assert (options["pool_pre_ping"], options["pool_size"], options["max_overflow"]) == (True, 2, 2)
