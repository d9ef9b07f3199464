"""Optuna's writes of a block in one transaction: by itself Optuna commits every parameter of a trial."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol


class HasSessions(Protocol):
    """What of `optuna.storages.RDBStorage` is used: it asks for a session for every call and commits it."""

    scoped_session: Any


class _Deferred:
    """A session whose commits come later, all at once."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def commit(self) -> None:
        """Write, so that what follows in the block sees it."""
        self._session.flush()

    def close(self) -> None:
        """Stay open."""


@contextmanager
def one_transaction(storage: HasSessions) -> Iterator[None]:
    """Commit what is written in the block at its end, or nothing of it where the block raises.

    For calls from one thread. Forty parameters take one commit instead of forty, and a kill leaves all or none.
    """
    sessions = storage.scoped_session
    session = sessions()
    storage.scoped_session = lambda: _Deferred(session)
    try:
        yield
        session.commit()
    except BaseException:
        session.rollback()
        raise
    finally:
        storage.scoped_session = sessions
        session.close()
