"""Refinements in the database: candidates trained anew with other epochs and seeds, kept apart from the trials.

They are no trials: they never enter the front, whose members all have the study's epochs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, delete, select
from sqlalchemy.orm import Session

from spaces.measurement import Measurement
from storage.artifacts import check_digest
from storage.conversion import plain_json
from storage.repository import utc_now
from storage.schema import RefinementArtifactRow, RefinementRow
from storage.study_rows import lock_study, study_row, trial_row
from storage.transactions import Transactions


@dataclass(frozen=True, slots=True, kw_only=True)
class RefinementRun:
    """One training of a candidate anew; a trial, its epochs and its seed name it.

    Attributes:
        number: of the trial whose candidate it is.
        epochs: of the training, the fidelity.
        repeat: 0 for the first seed.
        seed: of the training.
        measurement: as of a trial; None where the training failed.
        reason: why it failed.
        timings: part of the run -> seconds.
        details: further small JSON values: training curve, parent, versions.
        artifacts: file name -> digest of the trained model; empty where another run of the candidate is better.
    """

    number: int
    epochs: int
    repeat: int
    seed: int
    measurement: Measurement | None
    reason: str | None
    timings: Mapping[str, float]
    details: Mapping[str, Any]
    artifacts: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if (self.measurement is None) == (self.reason is None):
            raise ValueError("a run has either a measurement or the reason why it failed.")
        if self.measurement is not None and self.measurement.epochs != self.epochs:
            raise ValueError(f"a run of {self.epochs} epochs has a measurement at {self.measurement.epochs}.")

    @property
    def merit(self) -> tuple[bool, float, float, int]:
        """What decides whose model is kept: a score that counts, robust accuracy, clean accuracy, the earlier seed."""
        if self.measurement is None:
            return False, 0.0, 0.0, -self.repeat
        counts = self.measurement.withheld_reason is None
        return counts, self.measurement.robust_accuracy, self.measurement.clean_accuracy, -self.repeat


class RefinementRepository:
    """Keeps refinements; every method raises `StorageError` where the database fails."""

    def __init__(self, engine: Engine, *, clock: Callable[[], datetime] = utc_now) -> None:
        """Use an engine of `storage.sql.open_engine` whose database `storage.migrations.upgrade` has seen."""
        self._transactions = Transactions(engine)
        self._clock = clock

    def save(self, study_id: int, run: RefinementRun) -> set[str]:
        """Store a run, unless it is stored already: of two equal ones the first stays.

        Of all runs of a candidate with the same epochs only the best one keeps its model.

        Returns:
            Digests that the call made superfluous: of this run's files, or of those of the run that was best before.
            Something else may still refer to them.

        Raises:
            ArtifactError: a digest is no SHA-256.
            SelectionError: there is no such study or trial.
        """
        for digest in run.artifacts.values():
            check_digest(digest)
        with self._transactions.writing() as session:
            lock_study(session, study_id)
            trial_row(session, study_id, run.number)
            others = _runs(session, study_id, number=run.number, epochs=run.epochs)
            if any(other.seed == run.seed for other in others):
                kept = {digest for other in others for digest in other.artifacts.values()}
                return set(run.artifacts.values()) - kept
            session.add(_row(study_id, run, self._clock()))
            session.flush()
            if any(other.merit > run.merit for other in others):
                return set(run.artifacts.values())
            _drop_files(session, study_id, number=run.number, epochs=run.epochs)
            session.add_all(_file_rows(study_id, run))
            dropped = {digest for other in others for digest in other.artifacts.values()}
            return dropped - set(run.artifacts.values())

    def runs(self, study_id: int, *, epochs: int | None = None) -> list[RefinementRun]:
        """Return a study's runs, or those of so many epochs, by trial, epochs and seed in its order.

        Raises:
            SelectionError: there is no such study.
        """
        with self._transactions.reading() as session:
            study_row(session, study_id)
            return _runs(session, study_id, epochs=epochs)


def _runs(
    session: Session, study_id: int, *, number: int | None = None, epochs: int | None = None
) -> list[RefinementRun]:
    query = select(RefinementRow).where(RefinementRow.study_id == study_id)
    files = select(RefinementArtifactRow).where(RefinementArtifactRow.study_id == study_id)
    if number is not None:
        query, files = query.where(RefinementRow.number == number), files.where(RefinementArtifactRow.number == number)
    if epochs is not None:
        query, files = query.where(RefinementRow.epochs == epochs), files.where(RefinementArtifactRow.epochs == epochs)
    artifacts: dict[tuple[int, int, int], dict[str, str]] = {}
    for file in session.scalars(files.order_by(RefinementArtifactRow.name)):
        artifacts.setdefault((file.number, file.epochs, file.seed), {})[file.name] = file.digest
    ordered = query.order_by(RefinementRow.number, RefinementRow.epochs, RefinementRow.repeat)
    return [_run(row, artifacts.get((row.number, row.epochs, row.seed), {})) for row in session.scalars(ordered)]


def _drop_files(session: Session, study_id: int, *, number: int, epochs: int) -> None:
    session.execute(
        delete(RefinementArtifactRow).where(
            RefinementArtifactRow.study_id == study_id,
            RefinementArtifactRow.number == number,
            RefinementArtifactRow.epochs == epochs,
        )
    )


def _row(study_id: int, run: RefinementRun, finished_at: datetime) -> RefinementRow:
    return RefinementRow(
        study_id=study_id,
        number=run.number,
        epochs=run.epochs,
        seed=run.seed,
        repeat=run.repeat,
        measurement=None if run.measurement is None else plain_json(run.measurement.to_json()),
        reason=run.reason,
        timings=plain_json(run.timings),
        details=plain_json(run.details),
        finished_at=finished_at,
    )


def _file_rows(study_id: int, run: RefinementRun) -> list[RefinementArtifactRow]:
    return [
        RefinementArtifactRow(
            study_id=study_id, number=run.number, epochs=run.epochs, seed=run.seed, name=name, digest=digest
        )
        for name, digest in run.artifacts.items()
    ]


def _run(row: RefinementRow, artifacts: Mapping[str, str]) -> RefinementRun:
    return RefinementRun(
        number=row.number,
        epochs=row.epochs,
        repeat=row.repeat,
        seed=row.seed,
        measurement=None if row.measurement is None else Measurement.from_json(row.measurement),
        reason=row.reason,
        timings=row.timings,
        details=row.details,
        artifacts=artifacts,
    )
