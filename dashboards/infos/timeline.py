"""Who did what when: the trials of every worker as spans of time, and how the trials ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dashboards.study_view import StudyView
from storage.records import TrialState
from storage.trial_summaries import TrialSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialSpan:
    """One trial in time; `ended_at` is the present moment for one that runs."""

    number: int
    worker: str
    state: TrialState
    reason: str | None
    started_at: datetime
    ended_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineInfo:
    """The newest trials in time.

    Attributes:
        workers: rows, in order of their first trial shown.
        spans: by number.
        n_earlier: trials that are left out, because they are older.
        note: why there is nothing to draw; None when there is.
    """

    title: str
    workers: tuple[str, ...]
    spans: tuple[TrialSpan, ...]
    n_earlier: int
    is_synthetic: bool
    note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureGroup:
    """Trials that ended in the same state for the same reason, by number."""

    state: TrialState
    reason: str
    numbers: tuple[int, ...]


def timeline_info(view: StudyView, *, now: datetime, limit: int = 400) -> TimelineInfo:
    """Collect the newest `limit` trials that a worker spent time on."""
    trained = [trial for trial in view.trials if trial.state is not TrialState.REFUSED]
    newest = trained[-limit:]
    spans = tuple(_span(trial, now) for trial in newest)
    first = sorted(spans, key=lambda span: (span.started_at, span.number))
    return TimelineInfo(
        title=f"Workers and trials of {view.details.study.name}",
        workers=tuple(dict.fromkeys(span.worker for span in first)),
        spans=spans,
        n_earlier=len(trained) - len(newest),
        is_synthetic=view.details.study.is_synthetic,
        note=None if spans else "no worker has begun a trial yet",
    )


def failure_groups(trials: Sequence[TrialSummary]) -> tuple[FailureGroup, ...]:
    """Return the trials without a result by state and reason, the most frequent first."""
    ended = (TrialState.FAILED, TrialState.STOPPED, TrialState.REFUSED)
    found: dict[tuple[TrialState, str], list[int]] = {}
    for trial in trials:
        if trial.state in ended:
            found.setdefault((trial.state, trial.reason or "no reason recorded"), []).append(trial.number)
    groups = [FailureGroup(state=key[0], reason=key[1], numbers=tuple(numbers)) for key, numbers in found.items()]
    return tuple(sorted(groups, key=lambda group: (ended.index(group.state), -len(group.numbers), group.reason)))


def _span(trial: TrialSummary, now: datetime) -> TrialSpan:
    return TrialSpan(
        number=trial.number,
        worker=trial.owner,
        state=trial.state,
        reason=trial.reason,
        started_at=trial.started_at,
        ended_at=trial.finished_at or max(now, trial.started_at),
    )
