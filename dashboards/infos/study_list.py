"""The list of studies: progress, workers, pace and time left of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from spaces.spec_files import parse_spec
from storage.records import TrialState
from storage.study_progress import StudyProgress


class StudyStatus(StrEnum):
    """What a study does; the values are what a reader is told."""

    RUNNING = "running"
    FINISHED = "finished"
    PAUSED = "paused"
    EMPTY = "not begun"


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyLine:
    """One study of the list.

    Attributes:
        n_trained: finished trials that count against the budget.
        trials_per_hour: lately; None before there are two.
        time_left_s: at that pace; None while nobody works or the pace is unknown.
    """

    name: str
    status: StudyStatus
    is_synthetic: bool
    n_trained: int
    budget: int
    n_failed: int
    n_stopped: int
    n_workers: int
    front_size: int
    hypervolume: float
    trials_per_hour: float | None
    time_left_s: float | None


def study_lines(progress: Sequence[StudyProgress], workers: Mapping[int, int]) -> tuple[StudyLine, ...]:
    """Return the studies, the newest first.

    Args:
        progress: of every study, oldest first.
        workers: study id -> workers alive; none where it is missing.
    """
    return tuple(_line(item, workers.get(item.study.id, 0)) for item in reversed(progress))


def _line(item: StudyProgress, n_workers: int) -> StudyLine:
    budget = parse_spec(item.study.spec, source=f"stored study {item.study.name!r}").budget.trials
    n_running = item.counts[TrialState.RUNNING]
    n_trained = sum(count for state, count in item.counts.items() if state.is_budgeted) - n_running
    n_left = max(budget - n_trained, 0)
    is_at_work = n_workers > 0 and n_left > 0
    pace = item.trials_per_hour
    return StudyLine(
        name=item.study.name,
        status=_status(n_left=n_left, n_running=n_running, n_workers=n_workers, n_trained=n_trained),
        is_synthetic=item.study.is_synthetic,
        n_trained=n_trained,
        budget=budget,
        n_failed=item.counts[TrialState.FAILED],
        n_stopped=item.counts[TrialState.STOPPED],
        n_workers=n_workers,
        front_size=item.revision.size,
        hypervolume=item.revision.hypervolume,
        trials_per_hour=pace,
        time_left_s=n_left / pace * 3600 if is_at_work and pace else None,
    )


def _status(*, n_left: int, n_running: int, n_workers: int, n_trained: int) -> StudyStatus:
    if n_left == 0 and n_running == 0:
        return StudyStatus.FINISHED
    if n_workers:
        return StudyStatus.RUNNING
    return StudyStatus.PAUSED if n_trained or n_running else StudyStatus.EMPTY
