"""Trials page by page, for those who read thousands of them in parts."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.conversion import trial_record
from storage.records import TrialRecord, TrialState
from storage.schema import TrialRow


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialPage:
    """Some trials, by number.

    Attributes:
        total: on all pages.
        next_after: the last number of this page, where another one follows.
    """

    trials: tuple[TrialRecord, ...]
    total: int
    next_after: int | None


def read_page(session: Session, study_id: int, *, after: int | None, limit: int, state: TrialState | None) -> TrialPage:
    """Return the first `limit` trials with a larger number than `after`, of one state or of all."""
    chosen = [TrialRow.study_id == study_id]
    if state is not None:
        chosen.append(TrialRow.state == state.value)
    total = session.scalars(select(func.count()).select_from(TrialRow).where(*chosen)).one()
    if after is not None:
        chosen.append(TrialRow.number > after)
    query = select(TrialRow).where(*chosen).order_by(TrialRow.number).limit(limit + 1)
    trials = tuple(trial_record(row) for row in session.scalars(query))
    is_last = len(trials) <= limit
    return TrialPage(trials=trials[:limit], total=total, next_after=None if is_last else trials[limit - 1].number)
