"""What trials measured at the rungs of early stopping, what was decided there, and the checkpoints taken there."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, delete, select
from sqlalchemy.orm import Session

from spaces.measurement import Measurement
from storage.artifacts import check_digest
from storage.claims import Lease, held_row
from storage.conversion import plain_json
from storage.database_clock import database_seconds, moment
from storage.schema import CheckpointRow, RungRow
from storage.study_rows import lock_study, study_row
from storage.transactions import Transactions


@dataclass(frozen=True, slots=True, kw_only=True)
class RungRecord:
    """A trial at a rung, as stored.

    Attributes:
        number: of the trial.
        rung: 0 for the first.
        measurement: with the search suite on the rungs' small subset; its `epochs` are those trained so far.
        goes_on: whether the trial was let go on.
        decision: what that was based on, enough to replay it with the measurements of the rung: the trials compared
            with, the ranks, the rule and its version.
        checkpoints: file name -> digest of the artifact; empty once they were dropped.
    """

    number: int
    rung: int
    measurement: Measurement
    goes_on: bool
    decision: Mapping[str, Any]
    checkpoints: Mapping[str, str]
    created_at: datetime


class RungRepository:
    """Keeps the rungs of all trials."""

    def __init__(self, engine: Engine) -> None:
        """Use an engine of `storage.sql.open_engine` whose database `storage.migrations.upgrade` has seen."""
        self._transactions = Transactions(engine)

    def record(
        self,
        lease: Lease,
        rung: int,
        *,
        measurement: Measurement,
        goes_on: bool,
        decision: Mapping[str, Any],
    ) -> RungRecord:
        """Store a trial's arrival at a rung and return what is stored, whose decision holds.

        A trial that was trained from an earlier rung again arrives a second time. The first measurement and decision
        then stay, because other trials were compared with them. The arguments are the fields of `RungRecord`.

        Raises:
            FencedError: another worker took the trial over; nothing is stored.
            SelectionError: there is no such trial.
        """
        with self._transactions.writing() as session:
            lock_study(session, lease.study_id)
            trial = held_row(session, lease)
            row = session.get(RungRow, (trial.study_id, trial.number, rung))
            if row is None:
                row = RungRow(study_id=trial.study_id, number=trial.number, rung=rung, epochs=measurement.epochs)
                row.measurement, row.decision = plain_json(measurement.to_json()), plain_json(decision)
                row.goes_on, row.created_at = goes_on, moment(database_seconds(session))
                session.add(row)
                session.flush()
            return _record(row, _checkpoints(session, trial.study_id, trial.number).get((trial.number, rung), {}))

    def keep_checkpoints(self, lease: Lease, rung: int, checkpoints: Mapping[str, str]) -> None:
        """Store what a trial that is recorded at a rung can be taken up from there, in place of what was stored before.

        Args:
            checkpoints: file name -> digest of the artifact.

        Raises:
            ArtifactError: a digest is no SHA-256.
            FencedError: another worker took the trial over; nothing is stored.
            SelectionError: there is no such trial.
        """
        for digest in checkpoints.values():
            check_digest(digest)
        with self._transactions.writing() as session:
            lock_study(session, lease.study_id)
            trial = held_row(session, lease)
            _drop(session, trial.study_id, trial.number, rung)
            place = {"study_id": trial.study_id, "number": trial.number, "rung": rung}
            session.add_all(CheckpointRow(**place, name=name, digest=digest) for name, digest in checkpoints.items())

    def rungs(self, study_id: int, *, number: int | None = None) -> list[RungRecord]:
        """Return the rungs of a study or of one of its trials, by trial and rung.

        Raises:
            SelectionError: there is no such study.
        """
        query = select(RungRow).where(RungRow.study_id == study_id).order_by(RungRow.number, RungRow.rung)
        if number is not None:
            query = query.where(RungRow.number == number)
        with self._transactions.reading() as session:
            study_row(session, study_id)
            checkpoints = _checkpoints(session, study_id, number)
            return [_record(row, checkpoints.get((row.number, row.rung), {})) for row in session.scalars(query)]

    def measured_at(self, study_id: int, rung: int) -> dict[int, Measurement]:
        """Return what every trial that reached a rung measured there, by its number.

        Raises:
            SelectionError: there is no such study.
        """
        query = select(RungRow.number, RungRow.measurement).where(RungRow.study_id == study_id, RungRow.rung == rung)
        with self._transactions.reading() as session:
            study_row(session, study_id)
            rows = session.execute(query.order_by(RungRow.number))
            return {number: Measurement.from_json(measurement) for number, measurement in rows}

    def drop_checkpoints(self, study_id: int, *, number: int) -> None:
        """Forget the checkpoints of a trial, which a finished one no longer needs; the files stay in the store."""
        with self._transactions.writing() as session:
            _drop(session, study_id, number, None)


def _drop(session: Session, study_id: int, number: int, rung: int | None) -> None:
    statement = delete(CheckpointRow).where(CheckpointRow.study_id == study_id, CheckpointRow.number == number)
    session.execute(statement if rung is None else statement.where(CheckpointRow.rung == rung))


def _checkpoints(session: Session, study_id: int, number: int | None) -> dict[tuple[int, int], dict[str, str]]:
    """Return (trial, rung) -> file name -> digest, of one trial where its number is given."""
    query = select(CheckpointRow).where(CheckpointRow.study_id == study_id)
    found: dict[tuple[int, int], dict[str, str]] = {}
    for file in session.scalars(query if number is None else query.where(CheckpointRow.number == number)):
        found.setdefault((file.number, file.rung), {})[file.name] = file.digest
    return found


def _record(row: RungRow, checkpoints: Mapping[str, str]) -> RungRecord:
    return RungRecord(
        number=row.number,
        rung=row.rung,
        measurement=Measurement.from_json(row.measurement),
        goes_on=row.goes_on,
        decision=row.decision,
        checkpoints=dict(checkpoints),
        created_at=row.created_at,
    )
