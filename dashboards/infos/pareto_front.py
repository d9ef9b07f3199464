"""The objective space of a study: every measured trial, and which of them are feasible and on the front."""

from dataclasses import dataclass

from dashboards.fired_checks import FiredCheck, fired_checks
from dashboards.infos.ordering import empty_note
from dashboards.infos.reference_points import FixedPoint, reference_points
from dashboards.labels import fired_lines, format_metric, layer_lines, marked_number, metric_title
from dashboards.snapshot import StudySnapshot
from spaces.objectives import Constraint, Objective
from storage.records import TrialRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontPoint:
    """One measured trial in the objective space.

    Attributes:
        values: in the metrics' own units.  # [n_objectives]
        baseline_position: which baseline it is, counted from 0; None for every other trial.
        fired: the checks that fired on it, where they are known one by one.
        hover: lines for the pointer: number, every objective, checks that fired, then bits and Jacobian weight of every
            layer.
        has_fired: whether a check fired that `fired` may not name.
    """

    number: int
    values: tuple[float, ...]
    is_feasible: bool
    is_on_front: bool
    baseline_position: int | None
    fired: tuple[FiredCheck, ...]
    hover: tuple[str, ...]
    has_fired: bool = False

    @property
    def is_baseline(self) -> bool:
        """Whether the trial is one of the study's baselines."""
        return self.baseline_position is not None

    @property
    def is_suspect(self) -> bool:
        """Whether a check fired, so that the robust accuracy is in doubt."""
        return self.has_fired or bool(self.fired)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParetoFrontInfo:
    """What the Pareto figures show.

    Attributes:
        objectives: name, direction and reference of every axis.
        points: the complete trials by number.
        constraints: drawn as lines where they limit an axis.
        fixed_points: drawn beside the trials, one value per objective.
        n_covered: dominated trials that are not among the points, because another one stands in their place.
        is_synthetic: whether the values mean nothing, because the data are made up.
        note: why there is nothing to draw; None when there is.
    """

    title: str
    objectives: tuple[Objective, ...]
    points: tuple[FrontPoint, ...]
    is_synthetic: bool
    note: str | None
    constraints: tuple[Constraint, ...] = ()
    fixed_points: tuple[FixedPoint, ...] = ()
    n_covered: int = 0


def pareto_front_info(snapshot: StudySnapshot) -> ParetoFrontInfo:
    """Place every complete trial in the objective space."""
    objectives, measurements, fired = snapshot.objectives, snapshot.measurements, fired_checks(snapshot)
    points = tuple(
        detailed_point(trial, snapshot, objectives, fired.get(trial.number, ()))
        for trial in sorted(snapshot.trials, key=lambda trial: trial.number)
        if trial.number in measurements
    )
    n_front = sum(point.is_on_front for point in points)
    return ParetoFrontInfo(
        title=f"Pareto front of {snapshot.study.name}: {n_front} of {len(points)} complete trials",
        objectives=objectives,
        points=points,
        constraints=snapshot.spec.constraint_values(),
        fixed_points=reference_points(snapshot, objectives),
        is_synthetic=snapshot.study.is_synthetic,
        note=empty_note(snapshot),
    )


def detailed_point(
    trial: TrialRecord, snapshot: StudySnapshot, objectives: tuple[Objective, ...], fired: tuple[FiredCheck, ...]
) -> FrontPoint:
    """Return a complete trial of the snapshot as a point, whose hover box tells its layers."""
    measurement = trial.measurement
    if measurement is None:
        raise ValueError(f"a point needs a measurement; trial {trial.number} is {trial.state.value}.")
    names = [objective.name for objective in objectives]
    baseline_position = snapshot.baseline_position(trial.number)
    number = marked_number(trial.number, is_suspect=bool(fired))
    baseline = "" if baseline_position is None else " (baseline)"
    head = f"trial {number}{baseline}{'' if trial.is_feasible else ', infeasible'}"
    values = [f"{metric_title(name)}: {format_metric(name, measurement.metric(name))}" for name in names]
    return FrontPoint(
        number=trial.number,
        values=tuple(measurement.metric(name) for name in names),
        is_feasible=trial.is_feasible,
        is_on_front=trial.number in snapshot.front_numbers,
        baseline_position=baseline_position,
        fired=fired,
        hover=(head, *values, *fired_lines(fired), *layer_lines(trial.candidate)),
    )
