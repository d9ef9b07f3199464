"""The Pareto front as intervals of revisions: what an arrival changes, and what a revision held.

All functions work inside the caller's transaction.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from spaces.errors import SelectionError
from spaces.measurement import Measurement
from spaces.objectives import Objective, losses, reference_losses
from spaces.pareto import dominates, hypervolume
from spaces.spec_files import parse_spec
from spaces.study_spec import StudySpec
from storage.schema import FrontEntryRow, RevisionRow, StudyRow, TrialRow

Loss: TypeAlias = NDArray[np.float64]  # [n_objectives]
Member: TypeAlias = tuple[FrontEntryRow, Loss]


def stored_spec(study: StudyRow) -> StudySpec:
    """Return the study's specification.

    Raises:
        SpecError: this version of the package cannot read it.
    """
    return parse_spec(study.spec, source=f"stored study {study.name!r}")


def open_ledger(session: Session, study_id: int, *, at: datetime) -> None:
    """Write revision 0, the empty front."""
    session.add(first_revision(study_id, at=at))


def first_revision(study_id: int, *, at: datetime) -> RevisionRow:
    """Return revision 0, the empty front."""
    return RevisionRow(study_id=study_id, revision=0, number=None, hypervolume=0.0, size=0, created_at=at)


def record_arrival(
    session: Session, study_id: int, *, number: int, measurement: Measurement, spec: StudySpec, at: datetime
) -> None:
    """Let a feasible complete trial enter the front unless a member dominates it; what it dominates leaves.

    Only the members of the front are read: what a member does not dominate, no trial that left or never entered
    dominates either. A change makes one new revision.
    """
    objectives = spec.objective_values()
    arrived = losses(measurement, objectives)
    members = _members(session, study_id, objectives=objectives)
    if any(dominates(point, arrived) for _, point in members):
        return
    revision = last_revision(session, study_id) + 1
    entered = FrontEntryRow(study_id=study_id, number=number, entered_revision=revision, left_revision=None)
    session.add_all([entered, enter(members, entered, arrived, objectives=objectives, at=at)])


def enter(
    members: list[Member],
    entered: FrontEntryRow,
    arrived: Loss,
    *,
    objectives: tuple[Objective, ...],
    at: datetime,
) -> RevisionRow:
    """Let the members leave that a new one dominates, and return the revision that this makes."""
    front = [arrived]
    for entry, point in members:
        if dominates(arrived, point):
            entry.left_revision = entered.entered_revision
        else:
            front.append(point)
    return RevisionRow(
        study_id=entered.study_id,
        revision=entered.entered_revision,
        number=entered.number,
        hypervolume=_volume(front, objectives),
        size=len(front),
        created_at=at,
    )


def last_revision(session: Session, study_id: int) -> int:
    """Return the number of the front's newest revision."""
    query = select(func.max(RevisionRow.revision)).where(RevisionRow.study_id == study_id)
    return session.scalars(query).one() or 0


def front_rows(session: Session, study_id: int, *, revision: int | None) -> Sequence[TrialRow]:
    """Return the members of the front at a revision, None for now, by number.

    Raises:
        SelectionError: the study's front never had that revision.
    """
    query = (
        select(TrialRow)
        .join(FrontEntryRow, (FrontEntryRow.study_id == TrialRow.study_id) & (FrontEntryRow.number == TrialRow.number))
        .where(FrontEntryRow.study_id == study_id)
        .order_by(TrialRow.number)
    )
    if revision is None:
        return session.scalars(query.where(FrontEntryRow.left_revision.is_(None))).all()
    last = last_revision(session, study_id)
    if not 0 <= revision <= last:
        raise SelectionError(f"the front has revisions 0 to {last}; got {revision}.")
    has_not_left = FrontEntryRow.left_revision.is_(None) | (FrontEntryRow.left_revision > revision)
    return session.scalars(query.where(FrontEntryRow.entered_revision <= revision, has_not_left)).all()


def _members(session: Session, study_id: int, *, objectives: tuple[Objective, ...]) -> list[Member]:
    query = (
        select(FrontEntryRow, TrialRow.measurement)
        .join(TrialRow, (FrontEntryRow.study_id == TrialRow.study_id) & (FrontEntryRow.number == TrialRow.number))
        .where(FrontEntryRow.study_id == study_id, FrontEntryRow.left_revision.is_(None))
    )
    return [(entry, losses(Measurement.from_json(value), objectives)) for entry, value in session.execute(query)]


def _volume(points: list[Loss], objectives: tuple[Objective, ...]) -> float:
    stacked = np.array(points, dtype=np.float64).reshape(len(points), len(objectives))
    return hypervolume(stacked, reference_losses(objectives))
