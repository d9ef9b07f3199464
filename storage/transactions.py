"""Transactions on our tables, reading or writing, with errors as `StorageError`; every repository has one of these."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL, Engine
from sqlalchemy.orm import Session

from storage.sql import read_sessions, storage_errors, write_sessions


class Transactions:
    """Opens one session per unit of work: committed at the block's end, rolled back where it raises."""

    def __init__(self, engine: Engine) -> None:
        """Use an engine of `storage.sql.open_engine` whose database `storage.migrations.upgrade` has seen."""
        self._url = engine.url
        self._read_sessions = read_sessions(engine)
        self._write_sessions = write_sessions(engine)

    @property
    def url(self) -> URL:
        """Of the database, with its password."""
        return self._url

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is a file of this machine."""
        return self._url.get_backend_name() == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Open a session that sees one unchanging state of the database.

        Raises:
            StorageError: the database failed.
        """
        with storage_errors(self._url), self._read_sessions.begin() as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Open a session that may write.

        Raises:
            StorageError: the database failed; nothing of the block is stored, unless it failed at the very end, when
                nobody can know. A call that is repeated must therefore do no harm.
        """
        with storage_errors(self._url), self._write_sessions.begin() as session:
            yield session
