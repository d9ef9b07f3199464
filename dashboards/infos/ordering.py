"""The order in which trials of the front are shown, and the words for a front that cannot be shown."""

from collections.abc import Sequence

from dashboards.snapshot import StudySnapshot
from spaces.objectives import Objective
from storage.records import TrialRecord, TrialState


def sort_objective(objectives: tuple[Objective, ...]) -> Objective:
    """Return the objective that orders the trials: size in bytes, or else the first one."""
    return next((objective for objective in objectives if objective.name == "size_bytes"), objectives[0])


def ordered_front(snapshot: StudySnapshot) -> tuple[TrialRecord, ...]:
    """Return the front's measured trials by ascending `sort_objective`, ties by number."""
    measurements = snapshot.measurements
    name = sort_objective(snapshot.objectives).name
    members = [trial for trial in snapshot.trials if trial.number in snapshot.front_numbers]
    measured = [trial for trial in members if trial.number in measurements]
    return tuple(sorted(measured, key=lambda trial: (measurements[trial.number].metric(name), trial.number)))


def spread(numbers: Sequence[int], limit: int) -> list[int]:
    """Return up to `limit` of the numbers, spread evenly over their order, the first and the last among them."""
    if len(numbers) <= limit:
        return list(numbers)
    steps = max(limit - 1, 1)
    return [numbers[round(index * (len(numbers) - 1) / steps)] for index in range(limit)]


def empty_note(snapshot: StudySnapshot) -> str | None:
    """Return why there is no measured trial to show; None when there is one."""
    if snapshot.measurements:
        return None
    if not snapshot.trials:
        return "no trials yet"
    counts = [f"{snapshot.count(state)} {state.value}" for state in TrialState if snapshot.count(state)]
    return f"no trial is complete yet: {', '.join(counts)}"


def empty_front_note(snapshot: StudySnapshot) -> str | None:
    """Return why the front has no member to show; None when it has one."""
    if ordered_front(snapshot):
        return None
    return (
        empty_note(snapshot) or f"the front is empty: none of {len(snapshot.measurements)} complete trials is feasible"
    )
