"""Accuracy against the attack radius on test examples, as audited, beside what the search measured of these trials."""

from collections.abc import Sequence
from dataclasses import dataclass

from dashboards.fired_checks import FiredCheck, fired_checks
from dashboards.infos.ordering import sort_objective, spread
from dashboards.labels import epsilon_labels
from dashboards.snapshot import StudySnapshot
from spaces.audit import worst_case
from spaces.measurement import Measurement
from spaces.norms import Norm
from spaces.statistics import wilson_interval
from storage.audits import AuditRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditCurve:
    """One trial's accuracies within L-inf radii; all tuples start at epsilon 0.

    Attributes:
        baseline_position: which baseline it is, counted from 0; None for every other trial.
        fired: the checks that fired on it.
        n_examples: test examples of the audit.
        audited: under the worst of all attacks of the audit, per example.  # [n_epsilons + 1]
        lower, upper: the 95% Wilson interval of `audited`.  # [n_epsilons + 1]
        searched: the search's own worst case, on the attack subset.  # [n_search_epsilons + 1]
    """

    number: int
    baseline_position: int | None
    fired: tuple[FiredCheck, ...]
    n_examples: int
    epsilons: tuple[float, ...]
    audited: tuple[float, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    search_epsilons: tuple[float, ...]
    searched: tuple[float, ...]

    @property
    def is_suspect(self) -> bool:
        """Whether a check fired, so that the accuracies may be too high."""
        return bool(self.fired)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditCurvesInfo:
    """What the figure of audited accuracies shows.

    Attributes:
        epsilons: 0 and then every radius of a curve, in input units.
        epsilon_labels: how each is written.
        n_search_examples: size of the attack subset that the search's curves refer to.
        note: why there is nothing to draw; None when there is.
    """

    title: str
    epsilons: tuple[float, ...]
    epsilon_labels: tuple[str, ...]
    n_search_examples: int
    curves: tuple[AuditCurve, ...]
    is_synthetic: bool
    note: str | None


def audit_curves_info(
    snapshot: StudySnapshot, chosen: Sequence[int] | None = None, *, limit: int = 6
) -> AuditCurvesInfo:
    """Collect the curves of the audited trials among the chosen ones.

    Without a choice they are the audited baselines and up to `limit` trials in all, spread evenly over size.
    """
    audits, measurements, fired = _audits(snapshot), snapshot.measurements, fired_checks(snapshot)
    if chosen is None:
        numbers = _default_chosen(snapshot, limit=limit)
    else:
        numbers = [number for number in dict.fromkeys(chosen) if number in audits]
    curves = tuple(
        _curve(
            audits[number],
            measurements[number],
            baseline_position=snapshot.baseline_position(number),
            fired=fired.get(number, ()),
        )
        for number in numbers
    )
    epsilons = tuple(sorted({epsilon for curve in curves for epsilon in (*curve.epsilons, *curve.search_epsilons)}))
    return AuditCurvesInfo(
        title=f"Accuracy under audit, {snapshot.study.name}",
        epsilons=epsilons,
        epsilon_labels=epsilon_labels(epsilons),
        n_search_examples=snapshot.spec.data.attack_examples,
        curves=curves,
        is_synthetic=snapshot.study.is_synthetic,
        note=None if curves else _empty_note(snapshot),
    )


def _audits(snapshot: StudySnapshot) -> dict[int, AuditRecord]:
    """Return trial number -> newest finished audit, of measured trials with an L-inf attack."""
    measurements = snapshot.measurements
    return {
        number: record
        for number, record in snapshot.latest_audits.items()
        if number in measurements and any(outcome.norm is Norm.LINF for outcome in record.attacks)
    }


def _default_chosen(snapshot: StudySnapshot, *, limit: int) -> list[int]:
    audits, measurements = _audits(snapshot), snapshot.measurements
    name = sort_objective(snapshot.objectives).name
    baselines = [number for number in snapshot.baselines if number in audits]
    others = sorted(
        (number for number in audits if number not in baselines),
        key=lambda number: (measurements[number].metric(name), number),
    )
    return [*baselines, *spread(others, limit - len(baselines))]


def _empty_note(snapshot: StudySnapshot) -> str:
    return "none of the chosen trials is audited" if _audits(snapshot) else "no audit has a finished L-inf attack yet"


def _curve(
    record: AuditRecord, measurement: Measurement, *, baseline_position: int | None, fired: tuple[FiredCheck, ...]
) -> AuditCurve:
    n_examples = len(record.is_right)
    clean = record.clean_accuracy
    worst = worst_case(record.is_right, record.attacks, Norm.LINF)
    intervals = [wilson_interval(clean, n_examples), *worst.intervals]
    return AuditCurve(
        number=record.number,
        baseline_position=baseline_position,
        fired=fired,
        n_examples=n_examples,
        epsilons=(0.0, *worst.epsilons),
        audited=(clean, *worst.accuracy),
        lower=tuple(lower for lower, _ in intervals),
        upper=tuple(upper for _, upper in intervals),
        search_epsilons=(0.0, *measurement.epsilons),
        searched=(measurement.subset_clean_accuracy, *measurement.worst_case),
    )
