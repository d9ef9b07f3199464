"""One view of the objective space: two or three axes, trials within ranges, nothing sent twice to the same place."""

from collections.abc import Collection, Mapping, Sequence

from dashboards.fired_checks import FiredCheck, fired_checks
from dashboards.infos.pareto_front import FrontPoint, ParetoFrontInfo, detailed_point
from dashboards.infos.reference_points import reference_points
from dashboards.labels import format_metric, marked_number, metric_title
from dashboards.snapshot import StudySnapshot
from dashboards.study_view import StudyView
from spaces.errors import SelectionError
from spaces.objectives import Objective
from storage.trial_summaries import TrialSummary

# Cells along an axis; of the dominated trials in one cell of the picture one is drawn.
_CELLS_FLAT, _CELLS_SOLID = 110, 26

Ranges = Mapping[str, tuple[float, float]]


def front_view_info(
    view: StudyView,
    *,
    axes: Sequence[str] | None = None,
    ranges: Ranges | None = None,
    chosen: Collection[int] = (),
) -> ParetoFrontInfo:
    """Place the trials of a study on the chosen axes.

    The front, the baselines and chosen trials are always there and tell their layers; of dominated trials that would
    lie on each other one stands for all.

    Args:
        view: the study, whose details hold the front.
        axes: names of two or three objectives; all of a study with two, the first three of others by default.
        ranges: objective -> lowest and highest value shown, both included; others are unlimited.
        chosen: trials that stay whatever they share their place with.

    Raises:
        SelectionError: an axis is no objective of the study.
    """
    objectives = chosen_axes(view.details.objectives, axes)
    details = view.details
    measured = [trial for trial in view.trials if trial.is_measured]
    shown = [trial for trial in measured if _is_within(trial, ranges or {})]
    fired = fired_checks(details)
    special = {*details.front_numbers, *details.baselines, *chosen, *fired}
    drawn = _thinned(shown, objectives, kept=special)
    records = {trial.number: trial for trial in details.trials}
    points = tuple(
        detailed_point(records[trial.number], details, objectives, fired.get(trial.number, ()))
        if trial.number in records
        else _brief_point(trial, objectives, fired.get(trial.number, ()))
        for trial in drawn
    )
    n_front = sum(trial.number in details.front_numbers for trial in shown)
    title = f"Pareto front of {details.study.name}: {n_front} of {len(shown)} complete trials"
    return ParetoFrontInfo(
        title=title if len(shown) == len(measured) else f"{title} within the ranges",
        objectives=objectives,
        points=points,
        constraints=details.spec.constraint_values(),
        fixed_points=reference_points(details, objectives),
        n_covered=len(shown) - len(drawn),
        is_synthetic=details.study.is_synthetic,
        note=view.empty_note or (None if shown else "no trial lies within the ranges"),
    )


def chosen_axes(objectives: tuple[Objective, ...], axes: Sequence[str] | None) -> tuple[Objective, ...]:
    """Return the objectives of the named axes, in that order; the first three where none are named.

    Raises:
        SelectionError: an axis is no objective of the study, or there are not two or three different ones.
    """
    if axes is None:
        return objectives[:3]
    known = {objective.name: objective for objective in objectives}
    if len(set(axes)) != len(axes) or len(axes) not in (2, 3) or not set(axes) <= set(known):
        raise SelectionError(f"axes must be two or three of {', '.join(known)}; got {', '.join(axes)}.")
    return tuple(known[name] for name in axes)


def metric_ranges(view: StudyView) -> dict[str, tuple[float, float]]:
    """Return objective -> lowest and highest value over the complete trials; empty before the first."""
    measured = [trial for trial in view.trials if trial.is_measured]
    return {
        objective.name: (
            min(trial.metrics[objective.name] for trial in measured),
            max(trial.metrics[objective.name] for trial in measured),
        )
        for objective in view.details.objectives
        if measured
    }


def _is_within(trial: TrialSummary, ranges: Ranges) -> bool:
    return all(low <= trial.metrics[name] <= high for name, (low, high) in ranges.items())


def _thinned(
    trials: Sequence[TrialSummary], objectives: tuple[Objective, ...], *, kept: Collection[int]
) -> list[TrialSummary]:
    """Leave one of several plain trials in a cell; kept and suspect ones all stay."""
    names = [objective.name for objective in objectives]
    n_cells = _CELLS_FLAT if len(names) == 2 else _CELLS_SOLID
    if not trials:
        return []
    lows = [min(trial.metrics[name] for trial in trials) for name in names]
    highs = [max(trial.metrics[name] for trial in trials) for name in names]
    widths = [(high - low) / n_cells or 1.0 for low, high in zip(lows, highs, strict=True)]
    seen: set[tuple[object, ...]] = set()
    drawn = []
    for trial in trials:
        cell = tuple(
            int((trial.metrics[name] - low) / width) for name, low, width in zip(names, lows, widths, strict=True)
        )
        key = (trial.is_feasible, trial.is_suspect, *cell)
        if trial.number in kept or key not in seen:
            drawn.append(trial)
            seen.add(key)
    return drawn


def _brief_point(trial: TrialSummary, objectives: tuple[Objective, ...], fired: tuple[FiredCheck, ...]) -> FrontPoint:
    is_suspect = trial.is_suspect or bool(fired)  # the checks of the search in brief, or those of audits
    number = marked_number(trial.number, is_suspect=is_suspect)
    values = [f"{metric_title(item.name)}: {format_metric(item.name, trial.metrics[item.name])}" for item in objectives]
    return FrontPoint(
        number=trial.number,
        values=tuple(trial.metrics[item.name] for item in objectives),
        is_feasible=trial.is_feasible,
        is_on_front=False,
        baseline_position=None,
        fired=fired,
        has_fired=is_suspect,
        hover=(f"trial {number}{'' if trial.is_feasible else ', infeasible'}", *values, "click for its layers"),
    )


def at_revision(view: StudyView, details: StudySnapshot, revision: int) -> StudyView:
    """Return the study as it stood at a revision of its front, without the results that came later.

    Args:
        view: the study now.
        details: with the front's members at the revision.
        revision: of the front.
    """
    moment = next((item.created_at for item in details.revisions if item.revision == revision), None)
    earlier = tuple(
        trial
        for trial in view.trials
        if trial.number in details.front_numbers
        or (moment is not None and trial.finished_at is not None and trial.finished_at <= moment)
    )
    return StudyView(trials=earlier, details=details)
