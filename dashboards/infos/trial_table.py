"""The front as rows of a table: objectives, worst case at every radius, mean bits, total Jacobian weight."""

from dataclasses import dataclass
from statistics import fmean

from dashboards.fired_checks import fired_checks
from dashboards.infos.ordering import empty_front_note, ordered_front
from dashboards.labels import epsilon_labels
from dashboards.snapshot import StudySnapshot
from spaces.measurement import Measurement
from spaces.objectives import Objective
from storage.records import TrialRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialTableRow:
    """One trial of the front.

    Attributes:
        is_suspect: whether a check of the measurement or of the audits fired.
        values: in the metrics' own units.  # [n_objectives]
        worst_case: accuracy at every radius of the study's grid.  # [n_epsilons]
        mean_weight_bits: over the layers, each counted once whatever its size.
        mean_activation_bits: over the layers that an activation follows; None where there is none.
        jr_total: sum of the layers' Jacobian weights.
    """

    number: int
    is_baseline: bool
    is_suspect: bool
    values: tuple[float, ...]
    worst_case: tuple[float, ...]
    mean_weight_bits: float
    mean_activation_bits: float | None
    jr_total: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialTableInfo:
    """The front's table, rows by ascending size or else by the first objective.

    Attributes:
        objectives: of the columns of values.
        epsilon_labels: of the columns of worst cases.
        note: why there are no rows; None when there are.
    """

    title: str
    objectives: tuple[Objective, ...]
    epsilon_labels: tuple[str, ...]
    rows: tuple[TrialTableRow, ...]
    is_synthetic: bool
    note: str | None


def trial_table_info(snapshot: StudySnapshot) -> TrialTableInfo:
    """Collect the rows of the front."""
    spec, measurements, fired = snapshot.spec, snapshot.measurements, fired_checks(snapshot)
    objectives = spec.objective_values()
    return TrialTableInfo(
        title=f"Front of {snapshot.study.name}",
        objectives=objectives,
        epsilon_labels=epsilon_labels(spec.robustness.epsilons),
        rows=tuple(
            _row(
                trial,
                measurements[trial.number],
                objectives,
                is_baseline=trial.number in snapshot.baselines,
                is_suspect=trial.number in fired,
            )
            for trial in ordered_front(snapshot)
        ),
        is_synthetic=snapshot.study.is_synthetic,
        note=empty_front_note(snapshot),
    )


def _row(
    trial: TrialRecord,
    measurement: Measurement,
    objectives: tuple[Objective, ...],
    *,
    is_baseline: bool,
    is_suspect: bool,
) -> TrialTableRow:
    policies = list(trial.candidate.policies.values())
    activation_bits = [policy.activation_bits for policy in policies if policy.activation_bits is not None]
    return TrialTableRow(
        number=trial.number,
        is_baseline=is_baseline,
        is_suspect=is_suspect,
        values=tuple(measurement.metric(objective.name) for objective in objectives),
        worst_case=measurement.worst_case,
        mean_weight_bits=fmean(policy.weight_bits for policy in policies),
        mean_activation_bits=fmean(activation_bits) if activation_bits else None,
        jr_total=sum(policy.jr_weight for policy in policies),
    )
