"""What can be said of a database from outside, before anything in it is used or changed."""

from dataclasses import dataclass
from pathlib import Path

from storage.artifacts import default_root
from storage.file_systems import file_system
from storage.records import StudyRecord
from storage.repository import Repository
from storage.schema_version import known_revisions, stored_revision
from storage.sql import masked, normalize_url, open_engine, sqlite_file

# https://www.sqlite.org/fileformat2.html#file_format_version_numbers
_HEADER_BYTES = 20
_WRITE_VERSION = 18
_WAL = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabasePlace:
    """Where a database is.

    Attributes:
        url: with its password masked.
        file: of SQLite; None for a server.
        is_wal: whether the file keeps a write-ahead log; None without a file.
        file_system: type of the file system under the file, None where the system does not tell.
        artifacts: the folder of the files beside the database.
    """

    url: str
    file: Path | None
    is_wal: bool | None
    file_system: str | None
    artifacts: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseContent:
    """What a database holds.

    Attributes:
        revision: of the schema, None without our tables.
        known_revisions: oldest first; the last is the one that this package works with.
        studies: None where the schema is another one.
    """

    revision: str | None
    known_revisions: tuple[str, ...]
    studies: tuple[StudyRecord, ...] | None


def database_place(storage: str) -> DatabasePlace:
    """Return where a database is, from its URL or path; nothing is opened but the beginning of an SQLite file.

    Raises:
        StorageError: it is no URL.
    """
    url = normalize_url(storage)
    file = sqlite_file(url)
    return DatabasePlace(
        url=masked(url),
        file=file,
        is_wal=None if file is None else _is_wal(file),
        file_system=None if file is None else file_system(file.parent),
        artifacts=default_root(url),
    )


def database_content(storage: str) -> DatabaseContent:
    """Open a database and read its schema's revision and its studies; its tables stay as they are.

    Raises:
        StorageError: the database cannot be used.
        SetupError: the database's driver is not installed.
    """
    known = known_revisions()
    engine = open_engine(normalize_url(storage))
    try:
        revision = stored_revision(engine)
        studies = tuple(Repository(engine).studies()) if revision == known[-1] else None
        return DatabaseContent(revision=revision, known_revisions=known, studies=studies)
    finally:
        engine.dispose()


def _is_wal(file: Path) -> bool | None:
    if not file.is_file():
        return None
    with file.open("rb") as opened:
        header = opened.read(_HEADER_BYTES)
    return len(header) == _HEADER_BYTES and header[_WRITE_VERSION] == _WAL
