"""Chosen trials side by side: metric by metric and layer by layer."""

from collections.abc import Sequence
from dataclasses import dataclass

from dashboards.fired_checks import fired_checks
from dashboards.labels import epsilon_labels
from dashboards.snapshot import StudySnapshot
from spaces.layer_policy import LayerPolicy
from spaces.objectives import METRICS, Direction
from storage.records import TrialRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricRow:
    """One metric of every compared trial.

    Attributes:
        name: of the metric.
        values: in the metric's own unit.  # [n_trials]
        best: which of the trials have the best value; none where all are equal.
    """

    name: str
    values: tuple[float, ...]
    best: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRow:
    """One layer of every compared trial; None where a trial's network lacks it.

    Attributes:
        bytes: of the layer's parameters in flash; None also where they were not recorded.
        differs: whether the trials' policies are not all the same.
    """

    name: str
    policies: tuple[LayerPolicy | None, ...]
    bytes: tuple[int | None, ...]
    differs: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonInfo:
    """Trials side by side.

    Attributes:
        numbers: of the compared trials, in the order in which they were chosen.
        suspects: those of them on which a check fired.
        metrics: the objectives first.
        worst_case: radius label -> accuracy of every trial.
        left_out: chosen trials without a measurement.
        note: why there is nothing to compare; None when there is.
    """

    numbers: tuple[int, ...]
    suspects: frozenset[int]
    metrics: tuple[MetricRow, ...]
    worst_case: tuple[tuple[str, tuple[float, ...]], ...]
    layers: tuple[LayerRow, ...]
    left_out: tuple[int, ...]
    note: str | None


def comparison_info(snapshot: StudySnapshot, numbers: Sequence[int]) -> ComparisonInfo:
    """Put trials side by side.

    Raises:
        SelectionError: a trial does not exist.
    """
    trials = [snapshot.trial(number) for number in dict.fromkeys(numbers)]
    measured = [trial for trial in trials if trial.number in snapshot.measurements]
    return ComparisonInfo(
        numbers=tuple(trial.number for trial in measured),
        suspects=frozenset(fired_checks(snapshot)) & {trial.number for trial in measured},
        metrics=_metric_rows(snapshot, measured),
        worst_case=_worst_cases(snapshot, measured),
        layers=_layer_rows(measured),
        left_out=tuple(trial.number for trial in trials if trial not in measured),
        note=None if measured else "none of the chosen trials is measured" if trials else "no trial is chosen",
    )


def layer_bytes(trial: TrialRecord) -> dict[str, int]:
    """Return layer -> bytes of its parameters in flash, as the trial recorded them; empty where it did not."""
    return {
        str(layer["name"]): sum(int(value) for key, value in layer.items() if key.endswith("_bytes"))
        for layer in trial.details.get("layers", ())
    }


def _metric_rows(snapshot: StudySnapshot, trials: Sequence[TrialRecord]) -> tuple[MetricRow, ...]:
    names = dict.fromkeys([*(objective.name for objective in snapshot.objectives), *METRICS])
    rows = []
    for name in names:
        values = tuple(snapshot.measurements[trial.number].metric(name) for trial in trials)
        if values:
            best = max(values) if METRICS[name] is Direction.MAXIMIZE else min(values)
            winners = frozenset(t.number for t, value in zip(trials, values, strict=True) if value == best)
            rows.append(MetricRow(name=name, values=values, best=winners if len(set(values)) > 1 else frozenset()))
    return tuple(rows)


def _worst_cases(snapshot: StudySnapshot, trials: Sequence[TrialRecord]) -> tuple[tuple[str, tuple[float, ...]], ...]:
    labels = epsilon_labels(snapshot.spec.robustness.epsilons)
    worst = [snapshot.measurements[trial.number].worst_case for trial in trials]
    return tuple((label, tuple(values[index] for values in worst)) for index, label in enumerate(labels))


def _layer_rows(trials: Sequence[TrialRecord]) -> tuple[LayerRow, ...]:
    layers = dict.fromkeys(name for trial in trials for name in trial.candidate.policies)
    sizes = [layer_bytes(trial) for trial in trials]
    rows = []
    for layer in layers:
        policies = tuple(trial.candidate.policies.get(layer) for trial in trials)
        rows.append(
            LayerRow(
                name=layer,
                policies=policies,
                bytes=tuple(size.get(layer) for size in sizes),
                differs=any(policy != policies[0] for policy in policies),
            )
        )
    return tuple(rows)
