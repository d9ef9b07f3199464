"""Accuracy against the attack radius for chosen trials, with 95% intervals for the finite attack subset."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from dashboards.fired_checks import FiredCheck, fired_checks
from dashboards.infos.ordering import empty_note, ordered_front, spread
from dashboards.labels import epsilon_labels
from dashboards.snapshot import StudySnapshot
from spaces.measurement import Measurement
from spaces.statistics import wilson_interval


@dataclass(frozen=True, slots=True, kw_only=True)
class RobustnessCurve:
    """One trial's accuracy on the attack subset; all tuples start at epsilon 0.

    Attributes:
        baseline_position: which baseline it is, counted from 0; None for every other trial.
        fired: the checks that fired on it.
        worst_case: under the worst of all attacks, per example.  # [n_epsilons + 1]
        lower, upper: the 95% Wilson interval of `worst_case`.  # [n_epsilons + 1]
        attack_accuracy: attack name -> accuracy under that attack alone.  # [n_epsilons + 1] each
    """

    number: int
    baseline_position: int | None
    is_feasible: bool
    fired: tuple[FiredCheck, ...]
    epsilons: tuple[float, ...]
    worst_case: tuple[float, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    attack_accuracy: Mapping[str, tuple[float, ...]]

    def __post_init__(self) -> None:
        object.__setattr__(self, "attack_accuracy", MappingProxyType(dict(self.attack_accuracy)))

    @property
    def is_baseline(self) -> bool:
        """Whether the trial is one of the study's baselines."""
        return self.baseline_position is not None

    @property
    def is_suspect(self) -> bool:
        """Whether a check fired, so that the accuracies may be too high."""
        return bool(self.fired)


@dataclass(frozen=True, slots=True, kw_only=True)
class RobustnessCurvesInfo:
    """What the robustness figures show.

    Attributes:
        epsilons: 0 and then the study's grid, in input units.
        epsilon_labels: how each is written.
        n_examples: size of the attack subset.
        attacks: names over all curves, in order of first appearance.
        left_out: chosen trials without a measurement.
        note: why there is nothing to draw; None when there is.
    """

    title: str
    epsilons: tuple[float, ...]
    epsilon_labels: tuple[str, ...]
    n_examples: int
    curves: tuple[RobustnessCurve, ...]
    attacks: tuple[str, ...]
    left_out: tuple[int, ...]
    is_synthetic: bool
    note: str | None


def default_chosen(snapshot: StudySnapshot, *, limit: int = 5) -> tuple[int, ...]:
    """Choose up to `limit` trials of the front, spread evenly over size, and the measured baselines.

    The smallest and the largest of the front are always among them. Baselines come first.
    """
    front = spread([trial.number for trial in ordered_front(snapshot)], limit)
    return tuple(dict.fromkeys([*snapshot.measured_baselines, *front]))


def robustness_curves_info(snapshot: StudySnapshot, chosen: Sequence[int] | None = None) -> RobustnessCurvesInfo:
    """Collect the curves of the chosen trials, or of `default_chosen`.

    Raises:
        SelectionError: a chosen trial does not exist.
    """
    numbers = default_chosen(snapshot) if chosen is None else tuple(dict.fromkeys(chosen))
    measurements, fired = snapshot.measurements, fired_checks(snapshot)
    trials = [snapshot.trial(number) for number in numbers]
    spec = snapshot.spec
    n_examples = spec.data.attack_examples
    curves = tuple(
        _curve(
            measurements[trial.number],
            number=trial.number,
            baseline_position=snapshot.baseline_position(trial.number),
            is_feasible=trial.is_feasible,
            fired=fired.get(trial.number, ()),
            n_examples=n_examples,
        )
        for trial in trials
        if trial.number in measurements
    )
    epsilons = (0.0, *spec.robustness.epsilons)
    return RobustnessCurvesInfo(
        title=f"Accuracy under attack, {snapshot.study.name}",
        epsilons=epsilons,
        epsilon_labels=epsilon_labels(epsilons),
        n_examples=n_examples,
        curves=curves,
        attacks=tuple(dict.fromkeys(name for curve in curves for name in curve.attack_accuracy)),
        left_out=tuple(number for number in numbers if number not in measurements),
        is_synthetic=snapshot.study.is_synthetic,
        note=None if curves else empty_note(snapshot) or "none of the chosen trials is measured",
    )


def _curve(
    measurement: Measurement,
    *,
    number: int,
    baseline_position: int | None,
    is_feasible: bool,
    fired: tuple[FiredCheck, ...],
    n_examples: int,
) -> RobustnessCurve:
    start = measurement.subset_clean_accuracy
    worst_case = (start, *measurement.worst_case)
    intervals = [wilson_interval(value, n_examples) for value in worst_case]
    return RobustnessCurve(
        number=number,
        baseline_position=baseline_position,
        is_feasible=is_feasible,
        fired=fired,
        epsilons=(0.0, *measurement.epsilons),
        worst_case=worst_case,
        lower=tuple(lower for lower, _ in intervals),
        upper=tuple(upper for _, upper in intervals),
        attack_accuracy={name: (start, *values) for name, values in measurement.attack_accuracy.items()},
    )
