"""A copy of a database and its artifacts, taken while workers go on."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Engine

from spaces.errors import SetupError, StorageError
from spaces.work_steps import OnSteps, WorkSteps, unwatched
from storage.artifacts import ArtifactStore, default_root
from storage.repository import Repository
from storage.sql import masked, open_engine, storage_errors


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A finished copy.

    Attributes:
        database: the file.
        artifacts: the folder beside it.
        n_artifacts: files in it.
    """

    database: Path
    artifacts: Path
    n_artifacts: int


def backup(engine: Engine, artifacts: ArtifactStore, *, path: Path, on_steps: OnSteps = unwatched) -> Backup:
    """Copy an SQLite database, Optuna's tables included, and all files that it refers to, each checked by its hash.

    Args:
        engine: on the database.
        artifacts: the files beside it.
        path: of the new database file; the files go into the folder that belongs to it (`default_root`).
        on_steps: told of every file.

    Raises:
        SetupError: the database is no SQLite file, or the file or its folder exists already.
        StorageError: reading or writing failed.
        ArtifactError: a file is missing, damaged or cannot be written; as after any error, nothing is left behind.
    """
    if engine.dialect.name != "sqlite":
        raise SetupError(
            f"only SQLite files are copied here; back up {masked(engine.url)} with the server's own tool, "
            f"`pg_dump --format=custom --file={path} URL`, and then copy {artifacts.place}: in this order "
            "every file that the dump refers to is in the copy, or was dropped by the search since."
        )
    root = default_root(str(path))
    for target in (path, root):
        if target.exists():
            raise SetupError(f"{target} exists already; a backup never overwrites anything, give another path.")
    with _unfinished(path) as folder:
        database, copies = folder / path.name, ArtifactStore(folder / root.name)
        needed = _copy(engine, artifacts, database, copies, on_steps)
        if needed:
            os.rename(copies.root, root)
        os.rename(database, path)
    return Backup(database=path, artifacts=root, n_artifacts=len(needed))


@contextmanager
def _unfinished(path: Path) -> Iterator[Path]:
    """Give a folder beside the new database that goes away with what is left in it, so that a backup can be repeated.

    Raises:
        StorageError: reading or writing failed inside the block.
    """
    try:
        with TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-", ignore_cleanup_errors=True) as folder:
            yield Path(folder)
    except (OSError, sqlite3.Error) as error:
        raise StorageError(
            f"the database cannot be copied to {path}: {error}; check the folder and its space."
        ) from error


def _copy(
    engine: Engine, artifacts: ArtifactStore, database: Path, copies: ArtifactStore, on_steps: OnSteps
) -> set[str]:
    """Copy a database and its files and return the digests of these."""
    # What the search drops while the copy is made is so in it before the database says that it is needed.
    _copy_files(artifacts, copies, Repository(engine).referenced_digests(), on_steps)
    on_steps(WorkSteps(what="copying the database", noun="files"))
    _copy_database(engine, database)
    copy = open_engine(str(database))
    try:
        needed = Repository(copy).referenced_digests()
    finally:
        copy.dispose()
    _copy_files(artifacts, copies, needed - copies.digests(), on_steps)
    for digest in copies.digests() - needed:
        copies.remove(digest)
    return needed


def _copy_files(source: ArtifactStore, target: ArtifactStore, digests: set[str], on_steps: OnSteps) -> None:
    for done, digest in enumerate(sorted(digests)):
        on_steps(WorkSteps(what="copying files", noun="files", done=done, total=len(digests)))
        target.put(source.path(digest))


def _copy_database(engine: Engine, path: Path) -> None:
    with storage_errors(engine.url), engine.connect() as connection:
        source = connection.connection.driver_connection
        with closing(sqlite3.connect(path)) as target:
            source.backup(target)  # type: ignore[union-attr]
