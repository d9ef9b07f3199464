"""Every audited trial's newest finished audit: worst cases with intervals, each attack alone, checks that fired."""

from dataclasses import dataclass
from datetime import datetime

from dashboards.fired_checks import fired_checks
from dashboards.snapshot import StudySnapshot
from spaces.audit import AttackOutcome, CleanCount, WorstCase, norms_of, worst_case
from spaces.check_result import CheckResult
from spaces.norms import Norm
from spaces.statistics import wilson_interval
from storage.audits import AuditRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSummary:
    """One trial's newest finished audit, or the newest begun where none is finished.

    Attributes:
        is_suspect: whether a check of the trial or of one of its audits fired.
        n_examples: test examples.
        has_all_attacks: whether every planned attack is stored; else the worst cases may still fall.
        n_attacks, n_planned: attacks that are stored, and that the audit is to have.
        clean_interval: 95% Wilson interval of `clean_accuracy`.
        whole_test: clean predictions on the whole test split; None where a version before did not count them.
        worst_cases: by norm, of the norms that were attacked.
        attacks: in the order in which they were run, both norms.
        fired: this audit's own checks that fired; None where they are not computed yet.
        started_at: in UTC.
    """

    number: int
    is_baseline: bool
    is_suspect: bool
    n_examples: int
    is_quick: bool
    has_all_attacks: bool
    n_attacks: int
    n_planned: int
    clean_accuracy: float
    clean_interval: tuple[float, float]
    whole_test: CleanCount | None
    worst_cases: tuple[WorstCase, ...]
    attacks: tuple[AttackOutcome, ...]
    fired: tuple[CheckResult, ...] | None
    started_at: datetime

    def worst_case(self, norm: Norm) -> WorstCase | None:
        """Return the worst case of a norm; None where no attack of that norm is stored."""
        return next((item for item in self.worst_cases if item.norm is norm), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditsInfo:
    """What the tables of audits show.

    Attributes:
        audits: one per audited trial, by ascending number.
        norms: over all audits.
        note: why there is nothing to show, and what to do; None when there is.
    """

    title: str
    audits: tuple[AuditSummary, ...]
    norms: tuple[Norm, ...]
    is_synthetic: bool
    note: str | None

    def epsilons(self, norm: Norm) -> tuple[float, ...]:
        """Return the radii of a norm over all audits, ascending."""
        found = {
            epsilon
            for audit in self.audits
            for item in audit.worst_cases
            if item.norm is norm
            for epsilon in item.epsilons
        }
        return tuple(sorted(found))


def audits_info(snapshot: StudySnapshot) -> AuditsInfo:
    """Collect the newest finished audit of every audited trial."""
    fired = fired_checks(snapshot)
    audits = tuple(
        _summary(record, is_baseline=number in snapshot.baselines, is_suspect=number in fired)
        for number, record in snapshot.latest_audits.items()
    )
    return AuditsInfo(
        title=f"Audits of {snapshot.study.name}",
        audits=audits,
        norms=norms_of([outcome for audit in audits for outcome in audit.attacks]),
        is_synthetic=snapshot.study.is_synthetic,
        note=None if audits else _how_to_audit(snapshot),
    )


def _how_to_audit(snapshot: StudySnapshot) -> str:
    return (
        "no trial is audited yet; an audit attacks a stored model for minutes, on test examples: "
        f"`python -m search audit --study {snapshot.study.name} --select knee`"
    )


def _summary(record: AuditRecord, *, is_baseline: bool, is_suspect: bool) -> AuditSummary:
    clean_accuracy = record.clean_accuracy
    checks = record.checks
    return AuditSummary(
        number=record.number,
        is_baseline=is_baseline,
        is_suspect=is_suspect,
        n_examples=len(record.is_right),
        is_quick=record.is_quick,
        has_all_attacks=record.has_all_attacks,
        n_attacks=len(record.attacks),
        n_planned=int(record.settings.get("n_attacks", len(record.attacks))),
        clean_accuracy=clean_accuracy,
        clean_interval=wilson_interval(clean_accuracy, len(record.is_right)),
        whole_test=record.whole_test,
        worst_cases=tuple(worst_case(record.is_right, record.attacks, norm) for norm in norms_of(record.attacks)),
        attacks=record.attacks,
        fired=None if checks is None else tuple(check for check in checks if not check.passed),
        started_at=record.created_at,
    )
