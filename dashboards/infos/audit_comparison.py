"""Audited trials against the audited 8-bit baseline, example by example."""

from dataclasses import dataclass

from dashboards.fired_checks import fired_checks
from dashboards.labels import marked_number
from dashboards.snapshot import StudySnapshot
from spaces.audit import Comparison, norms_of
from spaces.norms import Norm
from storage.audit_comparison import compare_records, differing_settings
from storage.audits import AuditRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedTrial:
    """One trial against the baseline.

    Attributes:
        is_suspect: whether a check fired on the trial.
        comparisons: norm by norm and radius by radius; the baseline is the second of each.
    """

    number: int
    is_suspect: bool
    comparisons: tuple[Comparison, ...]

    def of_norm(self, norm: Norm) -> tuple[Comparison, ...]:
        """Return the comparisons of one norm, by ascending radius."""
        return tuple(item for item in self.comparisons if item.norm is norm)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditComparisonInfo:
    """What the tables of paired tests show.

    Attributes:
        title: names the baseline: the first that is audited.
        norms: of the baseline's audit.
        trials: compared ones, by ascending number.
        left_out: audited trials whose audit has other examples, radii or attacks, or is not finished.
        note: why there is no comparison; None when there is.
    """

    title: str
    norms: tuple[Norm, ...]
    trials: tuple[ComparedTrial, ...]
    left_out: tuple[int, ...]
    note: str | None

    def epsilons(self, norm: Norm) -> tuple[float, ...]:
        """Return the radii of a norm, which all compared audits share."""
        return tuple(item.epsilon for item in self.trials[0].of_norm(norm))


def audit_comparison_info(snapshot: StudySnapshot) -> AuditComparisonInfo:
    """Compare every trial's newest finished audit with the 8-bit baseline's, where both attack the same examples."""
    audits, fired = snapshot.latest_audits, fired_checks(snapshot)
    baseline = next((number for number in snapshot.baselines if number in audits), None)
    others = [record for number, record in audits.items() if number != baseline]
    alike = [record for record in others if baseline is not None and _are_alike(record, audits[baseline])]
    trials = tuple(
        ComparedTrial(
            number=record.number,
            is_suspect=record.number in fired,
            comparisons=compare_records(record, audits[baseline]),
        )
        for record in alike
        if baseline is not None
    )
    return AuditComparisonInfo(
        title=_title(baseline, is_suspect=baseline in fired),
        norms=() if baseline is None else norms_of(audits[baseline].attacks),
        trials=trials,
        left_out=tuple(record.number for record in others if record not in alike),
        note=None if trials else _empty_note(baseline),
    )


def _title(baseline: int | None, *, is_suspect: bool) -> str:
    name = "" if baseline is None else f" #{marked_number(baseline, is_suspect=is_suspect)}"
    return f"Audited trials against the baseline{name}, example by example"


def _empty_note(baseline: int | None) -> str:
    if baseline is None:
        return "no baseline is audited, so no trial is compared with one"
    return f"no other trial has a finished audit of the examples, radii and attacks of baseline #{baseline}"


def _are_alike(first: AuditRecord, second: AuditRecord) -> bool:
    return not differing_settings(first, second) and first.has_all_attacks and second.has_all_attacks
