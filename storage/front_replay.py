"""The front and all its revisions computed anew from the results: the check of what is stored, and its repair.

All functions work inside the caller's transaction.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from spaces.measurement import Measurement
from spaces.objectives import losses, violations
from spaces.pareto import dominates
from storage.front_ledger import Loss, Member, enter, first_revision, stored_spec
from storage.records import TrialState
from storage.schema import FrontEntryRow, RevisionRow, StudyRow, TrialRow

# Both hypervolumes sum the same terms; another machine may round them differently.
_TOLERANCE = 1e-9
_MAX_FINDINGS = 20
_IS_DAMAGED = TrialRow.measurement.is_(None) | TrialRow.finished_at.is_(None)


def rebuild(session: Session, study: StudyRow) -> None:
    """Write the front and all its revisions anew from the results, in the order in which they were finished.

    Only for a study without `damaged_results`.
    """
    for table in (FrontEntryRow, RevisionRow):
        session.execute(delete(table).where(table.study_id == study.id))
    results = sorted(_results(session, study), key=lambda result: (result.finished_at, result.number))
    history = _replayed(study, results)
    session.add_all([*history.entries.values(), *history.revisions])


def differences(session: Session, study: StudyRow) -> list[str]:
    """Compute the front and all its revisions anew from all results and say in words where the stored ones differ.

    The results are taken in the order of the stored revisions and not in that of their times, because the database's
    clock may have been set back between two of them. Damaged results are left out.
    """
    stored = _stored(session, study)
    expected = _replayed(study, _in_stored_order(_results(session, study), stored.revisions))
    found = [
        *_entry_differences(stored.entries, expected.entries),
        *_revision_differences(stored.revisions, expected.revisions),
    ]
    if len(found) > _MAX_FINDINGS:
        found[_MAX_FINDINGS:] = [f"and {len(found) - _MAX_FINDINGS} differences more"]
    return found


def damaged_results(session: Session, study_id: int) -> list[int]:
    """Return the numbers of complete trials without a measurement or a time: the front of all results is not known."""
    query = select(TrialRow.number).where(
        TrialRow.study_id == study_id,
        TrialRow.state == TrialState.COMPLETE.value,
        _IS_DAMAGED,
    )
    return list(session.scalars(query.order_by(TrialRow.number)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Result:
    """A trial that may be on the front."""

    number: int
    losses: Loss
    finished_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _History:
    """Every time that a trial had on the front, by number, and every revision, in order."""

    entries: dict[int, FrontEntryRow]
    revisions: list[RevisionRow]


def _results(session: Session, study: StudyRow) -> list[_Result]:
    """Return the feasible trials whose score counts, by number."""
    spec = stored_spec(study)
    objectives, constraints = spec.objective_values(), spec.constraint_values()
    query = select(TrialRow.number, TrialRow.measurement, TrialRow.finished_at).where(
        TrialRow.study_id == study.id,
        TrialRow.state == TrialState.COMPLETE.value,
        ~_IS_DAMAGED,
    )
    found = []
    for number, value, finished_at in session.execute(query.order_by(TrialRow.number)):
        measurement = Measurement.from_json(value)
        is_feasible = all(violation <= 0 for violation in violations(measurement, constraints))
        if is_feasible and measurement.withheld_reason is None:
            found.append(_Result(number=number, losses=losses(measurement, objectives), finished_at=finished_at))
    return found


def _in_stored_order(results: list[_Result], revisions: list[RevisionRow]) -> list[_Result]:
    """Return the results that made revisions in the order of these, then the others, which must change nothing."""
    made = {row.number: row.revision for row in revisions}
    return sorted(
        results,
        key=lambda result: (
            result.number not in made,
            made.get(result.number, 0),
            result.finished_at,
            result.number,
        ),
    )


def _replayed(study: StudyRow, results: Iterable[_Result]) -> _History:
    """Let results arrive one after the other, as `storage.front_ledger.record_arrival` does."""
    objectives = stored_spec(study).objective_values()
    revisions = [first_revision(study.id, at=study.created_at)]
    entries: dict[int, FrontEntryRow] = {}
    members: list[Member] = []
    for result in results:
        if any(dominates(point, result.losses) for _, point in members):
            continue
        entered = FrontEntryRow(
            study_id=study.id, number=result.number, entered_revision=len(revisions), left_revision=None
        )
        revisions.append(enter(members, entered, result.losses, objectives=objectives, at=result.finished_at))
        entries[result.number] = entered
        members = [(entry, point) for entry, point in members if entry.left_revision is None]
        members.append((entered, result.losses))
    return _History(entries=entries, revisions=revisions)


def _stored(session: Session, study: StudyRow) -> _History:
    entries = session.scalars(select(FrontEntryRow).where(FrontEntryRow.study_id == study.id))
    revisions = session.scalars(
        select(RevisionRow).where(RevisionRow.study_id == study.id).order_by(RevisionRow.revision)
    )
    return _History(entries={entry.number: entry for entry in entries}, revisions=list(revisions))


def _entry_differences(stored: dict[int, FrontEntryRow], expected: dict[int, FrontEntryRow]) -> Iterator[str]:
    for number in sorted(stored.keys() | expected.keys()):
        says, give = _span(stored.get(number)), _span(expected.get(number))
        if says != give:
            yield f"trial {number} is stored as on the front {says}; the results give {give}"


def _span(entry: FrontEntryRow | None) -> str:
    if entry is None:
        return "never"
    if entry.left_revision is None:
        return f"from revision {entry.entered_revision} on"
    return f"from revision {entry.entered_revision} until {entry.left_revision}"


def _revision_differences(stored: list[RevisionRow], expected: list[RevisionRow]) -> Iterator[str]:
    says_of, give_of = ({row.revision: row for row in rows} for rows in (stored, expected))
    for revision in sorted(says_of.keys() | give_of.keys()):
        says, give = says_of.get(revision), give_of.get(revision)
        if says is None:
            yield f"revision {revision} is missing"
        elif give is None:
            yield f"revision {revision} is stored; the results give {len(expected) - 1} revisions after the empty front"
        else:
            yield from _field_differences(says, give)


def _field_differences(says: RevisionRow, give: RevisionRow) -> Iterator[str]:
    if says.number != give.number:
        yield f"revision {says.revision} says that trial {says.number} made it; the results give {give.number}"
    if says.size != give.size:
        yield f"revision {says.revision} says {says.size} members; the results give {give.size}"
    if not math.isclose(says.hypervolume, give.hypervolume, rel_tol=_TOLERANCE):
        yield f"revision {says.revision} says hypervolume {says.hypervolume!r}; the results give {give.hypervolume!r}"
