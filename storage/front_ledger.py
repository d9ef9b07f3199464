"""The Pareto front as intervals of revisions: what an arrival changes, what a revision held, and the check of both.

All functions work inside the caller's transaction.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from spaces.errors import SelectionError
from spaces.measurement import Measurement
from spaces.objectives import Objective, losses, reference_losses, violations
from spaces.pareto import dominates, hypervolume, non_dominated_mask
from spaces.spec_files import parse_spec
from spaces.study_spec import StudySpec
from storage.records import TrialState
from storage.schema import FrontEntryRow, RevisionRow, StudyRow, TrialRow

Loss: TypeAlias = NDArray[np.float64]  # [n_objectives]

# Both hypervolumes sum the same terms; another machine may round them differently.
_TOLERANCE = 1e-9


def stored_spec(study: StudyRow) -> StudySpec:
    """Return the study's specification.

    Raises:
        SpecError: this version of the package cannot read it.
    """
    return parse_spec(study.spec, source=f"stored study {study.name!r}")


def open_ledger(session: Session, study_id: int, *, at: datetime) -> None:
    """Write revision 0, the empty front."""
    session.add(RevisionRow(study_id=study_id, revision=0, number=None, hypervolume=0.0, size=0, created_at=at))


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
    session.add_all([entered, _enter(members, entered, arrived, objectives=objectives, at=at)])


def rebuild(session: Session, study: StudyRow) -> None:
    """Write the front and all its revisions anew from the results, in the order in which they were finished."""
    for table in (FrontEntryRow, RevisionRow):
        session.execute(delete(table).where(table.study_id == study.id))
    objectives = stored_spec(study).objective_values()
    open_ledger(session, study.id, at=study.created_at)
    members: list[tuple[FrontEntryRow, Loss]] = []
    revision = 0
    for result in sorted(_results(session, study), key=lambda result: (result.finished_at, result.number)):
        if any(dominates(point, result.losses) for _, point in members):
            continue
        revision += 1
        entered = FrontEntryRow(study_id=study.id, number=result.number, entered_revision=revision, left_revision=None)
        session.add_all(
            [entered, _enter(members, entered, result.losses, objectives=objectives, at=result.finished_at)]
        )
        members = [(entry, point) for entry, point in members if entry.left_revision is None]
        members.append((entered, result.losses))


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


def differences(session: Session, study: StudyRow) -> list[str]:
    """Compute the front anew from all results and say in words where the stored one differs."""
    objectives = stored_spec(study).objective_values()
    points = {result.number: result.losses for result in _results(session, study)}
    is_front = non_dominated_mask(_stack(list(points.values()), objectives))
    expected = {number for number, is_member in zip(points, is_front, strict=True) if is_member}
    stored = {entry.number for entry, _ in _members(session, study.id, objectives=objectives)}
    found = [f"trial {number} belongs on the front but is not stored there" for number in sorted(expected - stored)]
    found += [
        f"trial {number} is stored on the front but does not belong there" for number in sorted(stored - expected)
    ]
    newest = session.get(RevisionRow, (study.id, last_revision(session, study.id)))
    if newest is None:
        return [*found, "the front has no revisions"]
    volume = _volume([points[number] for number in sorted(expected)], objectives)
    if newest.size != len(expected):
        found.append(f"revision {newest.revision} says {newest.size} members; the results give {len(expected)}")
    if not math.isclose(newest.hypervolume, volume, rel_tol=_TOLERANCE):
        found.append(f"revision {newest.revision} says hypervolume {newest.hypervolume!r}; the results give {volume!r}")
    return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Result:
    """A trial that may be on the front."""

    number: int
    losses: Loss
    finished_at: datetime


def _results(session: Session, study: StudyRow) -> list[_Result]:
    """Return the feasible trials whose score counts, by number."""
    spec = stored_spec(study)
    objectives, constraints = spec.objective_values(), spec.constraint_values()
    query = select(TrialRow.number, TrialRow.measurement, TrialRow.finished_at).where(
        TrialRow.study_id == study.id, TrialRow.state == TrialState.COMPLETE.value
    )
    found = []
    for number, value, finished_at in session.execute(query.order_by(TrialRow.number)):
        measurement = Measurement.from_json(value)
        is_feasible = all(violation <= 0 for violation in violations(measurement, constraints))
        if is_feasible and measurement.withheld_reason is None:
            found.append(_Result(number=number, losses=losses(measurement, objectives), finished_at=finished_at))
    return found


def _enter(
    members: list[tuple[FrontEntryRow, Loss]],
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


def _members(session: Session, study_id: int, *, objectives: tuple[Objective, ...]) -> list[tuple[FrontEntryRow, Loss]]:
    query = (
        select(FrontEntryRow, TrialRow.measurement)
        .join(TrialRow, (FrontEntryRow.study_id == TrialRow.study_id) & (FrontEntryRow.number == TrialRow.number))
        .where(FrontEntryRow.study_id == study_id, FrontEntryRow.left_revision.is_(None))
    )
    return [(entry, losses(Measurement.from_json(value), objectives)) for entry, value in session.execute(query)]


def _stack(points: list[Loss], objectives: tuple[Objective, ...]) -> NDArray[np.float64]:
    return np.array(points, dtype=np.float64).reshape(len(points), len(objectives))


def _volume(points: list[Loss], objectives: tuple[Objective, ...]) -> float:
    return hypervolume(_stack(points, objectives), reference_losses(objectives))
