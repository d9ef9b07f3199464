"""Which worker trains a float parent: one at a time, with a lease that expires by the database's clock.

A lease spares the others the same work and decides nothing: of two parents with one key the first that is stored stays.
Every call may be repeated after an outage in which its answer was lost.
"""

from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import CursorResult, Engine, update
from sqlalchemy.exc import IntegrityError

from storage.database_clock import DatabaseSeconds, database_seconds
from storage.schema import ParentLeaseRow, WorkerRow
from storage.study_rows import study_row
from storage.transactions import Transactions
from storage.workers import WorkerIdentity


@dataclass(frozen=True, slots=True, kw_only=True)
class ParentLease:
    """The right to train a parent.

    Attributes:
        key: `ParentRecord.key`.
        epoch: 1 for the first worker that had it, one more for every other one.
    """

    key: str
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ParentHolder:
    """Who has a lease that runs; `worker` is None where that worker is not in the list of its study's workers."""

    lease: ParentLease
    worker: WorkerIdentity | None


class ParentLeases:
    """Hands out the right to train a parent, to workers of any study of the database."""

    def __init__(self, engine: Engine) -> None:
        """Use an engine of `storage.sql.open_engine` whose database `storage.migrations.upgrade` has seen."""
        self._transactions = Transactions(engine)

    def take(self, key: str, *, study_id: int, owner: str, ttl_s: float) -> ParentLease | None:
        """Take a parent's lease, for the first time or over; None where another worker has it.

        A worker that was restarted under its old name so gets its own lease back at once.

        Args:
            key: `ParentRecord.key`.
            study_id: of the worker's study.
            owner: the worker's name, unique among the live workers of its study.
            ttl_s: seconds until the lease expires unless it is renewed.

        Raises:
            SelectionError: there is no such study.
            StorageError: the database failed.
        """
        try:
            with self._transactions.writing() as session:
                study_row(session, study_id)
                row = session.get(ParentLeaseRow, key, with_for_update=True)
                now = database_seconds(session)
                if row is None:
                    row = ParentLeaseRow(key=key, epoch=0)
                    session.add(row)
                elif row.expires_at > now and (row.study_id, row.owner) != (study_id, owner):
                    return None
                row.study_id, row.owner = study_id, owner
                row.epoch, row.expires_at = row.epoch + 1, now + ttl_s
                session.flush()
                return _lease(row)
        except IntegrityError:  # another worker inserted the row in that moment
            return None

    def renew(self, lease: ParentLease, *, ttl_s: float) -> bool:
        """Let a lease run `ttl_s` seconds from now, also one that expired; False where another worker has it.

        Raises:
            StorageError: the database failed.
        """
        return self._set_expiry(lease, DatabaseSeconds() + ttl_s)

    def release(self, lease: ParentLease) -> None:
        """End a lease, so that nobody waits for it; one that was lost stays lost.

        Raises:
            StorageError: the database failed.
        """
        self._set_expiry(lease, DatabaseSeconds())

    def holder(self, key: str) -> ParentHolder | None:
        """Return who has a parent's lease; None where nobody has.

        Raises:
            StorageError: the database failed.
        """
        with self._transactions.reading() as session:
            row = session.get(ParentLeaseRow, key)
            if row is None or row.expires_at <= database_seconds(session):
                return None
            worker = session.get(WorkerRow, (row.study_id, row.owner))
            return ParentHolder(lease=_lease(row), worker=None if worker is None else _identity(worker))

    def _set_expiry(self, lease: ParentLease, expires_at: Any) -> bool:
        statement = update(ParentLeaseRow).where(ParentLeaseRow.key == lease.key, ParentLeaseRow.epoch == lease.epoch)
        with self._transactions.writing() as session:
            return cast("CursorResult[Any]", session.execute(statement.values(expires_at=expires_at))).rowcount == 1


def _lease(row: ParentLeaseRow) -> ParentLease:
    return ParentLease(key=row.key, epoch=row.epoch)


def _identity(row: WorkerRow) -> WorkerIdentity:
    return WorkerIdentity(name=row.name, host=row.host, pid=row.pid, n_threads=row.n_threads)
