"""The trials of a study in the order in which they are finished, for those who only look on."""

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from storage.conversion import trial_record
from storage.records import TrialRecord, TrialState
from storage.schema import TrialRow
from storage.study_rows import study_row
from storage.transactions import Transactions


class TrialFeed:
    """Tells which trials of a study were finished since it was last asked.

    It compares numbers, not times: a clock that is set back hides nothing.
    """

    def __init__(self, engine: Engine, study_id: int) -> None:
        """Use an engine of `storage.sql.open_engine` whose database `storage.migrations.upgrade` has seen."""
        self._transactions = Transactions(engine)
        self._study_id = study_id
        self._known: set[int] = set()

    def skip(self) -> None:
        """Leave out what is finished already.

        Raises:
            SelectionError: there is no such study.
            StorageError: the database failed.
        """
        with self._transactions.reading() as session:
            new = self._new(session)
        self._known |= new

    def read(self) -> list[TrialRecord]:
        """Return the trials that were finished since the last call, oldest result first.

        Raises:
            SelectionError: there is no such study.
            StorageError: the database failed; the next call returns what this one would have.
        """
        with self._transactions.reading() as session:
            new = self._new(session)
            query = select(TrialRow).where(TrialRow.study_id == self._study_id, TrialRow.number.in_(new))
            rows = session.scalars(query.order_by(TrialRow.finished_at, TrialRow.number)).all() if new else []
            records = [trial_record(row) for row in rows]
        self._known |= new
        return records

    def _new(self, session: Session) -> set[int]:
        study_row(session, self._study_id)
        query = select(TrialRow.number).where(
            TrialRow.study_id == self._study_id, TrialRow.state != TrialState.RUNNING.value
        )
        return set(session.scalars(query)) - self._known
