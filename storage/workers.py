"""The worker processes of a study: who they are, what they do, and when they were last seen by the database's clock."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, Engine, func, select, update
from sqlalchemy.orm import Session

from spaces.errors import SetupError
from storage.database_clock import DatabaseSeconds, database_seconds, moment
from storage.schema import WorkerRow
from storage.sql import masked
from storage.study_rows import lock_study, study_row
from storage.transactions import Transactions

MAX_SQLITE_WORKERS = 8
# A worker that was not seen for so long is not counted as alive: by default its trial may be taken over then.
ALIVE_WITHIN_S = 60.0


class WorkerState(StrEnum):
    """What a worker does: IDLE asks for a trial or waits for one, TRAINING has one, ENDED said good-bye."""

    IDLE = "idle"
    TRAINING = "training"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerIdentity:
    """Who a worker is.

    Attributes:
        name: unique among the live workers of a study; a worker restarted under its name gets its trial back.
        n_threads: that it trains with.
    """

    name: str
    host: str
    pid: int
    n_threads: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRecord:
    """A worker as stored.

    Attributes:
        number: the trial that it has.
        started_at, last_seen_at: by the database's clock.
    """

    identity: WorkerIdentity
    state: WorkerState
    number: int | None
    started_at: datetime
    last_seen_at: datetime


class WorkerRepository:
    """Keeps the list of workers."""

    def __init__(self, engine: Engine) -> None:
        """Use an engine of `storage.sql.open_engine` whose database `storage.migrations.upgrade` has seen."""
        self._transactions = Transactions(engine)

    def join(self, study_id: int, identity: WorkerIdentity, *, within_s: float) -> None:
        """Enter a worker, or a restarted one of the same name, as idle.

        Args:
            study_id: of the study.
            identity: of the worker.
            within_s: seconds after which a worker that was not seen counts as dead.

        Raises:
            SelectionError: there is no such study.
            SetupError: the database is an SQLite file and has as many workers as it bears.
        """
        with self._transactions.writing() as session:
            lock_study(session, study_id)
            if self._transactions.is_sqlite:
                self._check_free_place(session, study_id, identity.name, within_s)
            now = database_seconds(session)
            row = WorkerRow(study_id=study_id, name=identity.name, host=identity.host, pid=identity.pid)
            row.n_threads, row.state, row.number = identity.n_threads, WorkerState.IDLE.value, None
            row.started_at = row.last_seen_at = now
            session.merge(row)

    def beat(self, study_id: int, name: str, *, state: WorkerState, number: int | None = None) -> None:
        """Note that a worker lives and what it does; only its own row is locked."""
        statement = update(WorkerRow).where(WorkerRow.study_id == study_id, WorkerRow.name == name)
        with self._transactions.writing() as session:
            session.execute(statement.values(state=state.value, number=number, last_seen_at=DatabaseSeconds()))

    def alive(self, study_id: int, *, within_s: float) -> list[WorkerRecord]:
        """Return the workers that were seen in the last `within_s` seconds and did not end, by name.

        Raises:
            SelectionError: there is no such study.
        """
        query = select(WorkerRow).where(WorkerRow.study_id == study_id, _is_alive(within_s)).order_by(WorkerRow.name)
        with self._transactions.reading() as session:
            study_row(session, study_id)
            return [_record(row) for row in session.scalars(query)]

    def count_alive(self, *, within_s: float) -> dict[int, int]:
        """Return study id -> workers alive as `alive` counts them; a study without any is not in it."""
        query = select(WorkerRow.study_id, func.count()).where(_is_alive(within_s)).group_by(WorkerRow.study_id)
        with self._transactions.reading() as session:
            return {int(study_id): int(count) for study_id, count in session.execute(query)}

    def _check_free_place(self, session: Session, study_id: int, name: str, within_s: float) -> None:
        others = select(func.count()).where(WorkerRow.study_id == study_id, WorkerRow.name != name, _is_alive(within_s))
        n_others = session.scalars(others).one()
        if n_others >= MAX_SQLITE_WORKERS:
            raise SetupError(
                f"{n_others} workers run this study already and {masked(self._transactions.url)} is an SQLite file, "
                f"which bears at most {MAX_SQLITE_WORKERS}; use PostgreSQL for more workers, or end one first."
            )


def _is_alive(within_s: float) -> ColumnElement[bool]:
    return (WorkerRow.state != WorkerState.ENDED.value) & (WorkerRow.last_seen_at > DatabaseSeconds() - within_s)


def _record(row: WorkerRow) -> WorkerRecord:
    return WorkerRecord(
        identity=WorkerIdentity(name=row.name, host=row.host, pid=row.pid, n_threads=row.n_threads),
        state=WorkerState(row.state),
        number=row.number,
        started_at=moment(row.started_at),
        last_seen_at=moment(row.last_seen_at),
    )
