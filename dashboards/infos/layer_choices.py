"""What the front's trials chose for every layer: bit widths and Jacobian weights as matrices."""

from dataclasses import dataclass

from dashboards.fired_checks import FiredCheck, fired_checks
from dashboards.infos.ordering import empty_front_note, ordered_front, sort_objective
from dashboards.snapshot import StudySnapshot
from spaces.objectives import Objective


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerChoicesInfo:
    """Choices per layer of the trials on the front, ordered by one objective.

    The matrices hold None where a trial's network lacks the layer, and for activations also where no activation
    follows the layer. A layer that owns no Jacobian term has weight 0, as its policy says.

    Attributes:
        layers: rows, in the topology's order.
        trial_numbers: columns, by ascending `sort_values`.
        fired: the checks that fired on each.  # [n_trials]
        sort_objective: the objective that orders the columns: size in bytes, or else the first.
        sort_values: its value of every column.
        weight_bits: # [n_layers, n_trials]
        activation_bits: # [n_layers, n_trials]
        jr_weight: # [n_layers, n_trials]
        note: why there is nothing to draw; None when there is.
    """

    title: str
    layers: tuple[str, ...]
    trial_numbers: tuple[int, ...]
    fired: tuple[tuple[FiredCheck, ...], ...]
    sort_objective: Objective
    sort_values: tuple[float, ...]
    weight_bits: tuple[tuple[int | None, ...], ...]
    activation_bits: tuple[tuple[int | None, ...], ...]
    jr_weight: tuple[tuple[float | None, ...], ...]
    is_synthetic: bool
    note: str | None


def layer_choices_info(snapshot: StudySnapshot) -> LayerChoicesInfo:
    """Collect the layer policies of the front."""
    trials = ordered_front(snapshot)
    objective, measurements = sort_objective(snapshot.objectives), snapshot.measurements
    fired = fired_checks(snapshot)
    layers = tuple(dict.fromkeys(name for trial in trials for name in trial.candidate.policies))
    rows = [[trial.candidate.policies.get(layer) for trial in trials] for layer in layers]
    return LayerChoicesInfo(
        title=f"Choices per layer on the front of {snapshot.study.name}",
        layers=layers,
        trial_numbers=tuple(trial.number for trial in trials),
        fired=tuple(fired.get(trial.number, ()) for trial in trials),
        sort_objective=objective,
        sort_values=tuple(measurements[trial.number].metric(objective.name) for trial in trials),
        weight_bits=tuple(tuple(policy.weight_bits if policy else None for policy in row) for row in rows),
        activation_bits=tuple(tuple(policy.activation_bits if policy else None for policy in row) for row in rows),
        jr_weight=tuple(tuple(policy.jr_weight if policy else None for policy in row) for row in rows),
        is_synthetic=snapshot.study.is_synthetic,
        note=empty_front_note(snapshot),
    )
