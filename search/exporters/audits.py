"""What a bundle says of the finished audits of its model: JSON values for the manifest, lines for the model card."""

from collections.abc import Sequence
from typing import Any

from spaces.audit import radii, worst_case
from spaces.norms import Norm
from storage.audits import AuditRecord


def audit_values(audits: Sequence[AuditRecord]) -> list[dict[str, Any]]:
    """Return the worst cases in every norm and the checks of each audit, as plain JSON values."""
    return [
        {
            "n_examples": audit.n_examples,
            "is_quick": audit.is_quick,
            "clean_accuracy": audit.clean_accuracy,
            "worst_case": {
                norm.value: {"radii": list(radii(audit.attacks, norm)), "accuracy": list(_worst(audit, norm))}
                for norm in Norm
                if any(attack.norm is norm for attack in audit.attacks)
            },
            "checks": [check.to_json() for check in audit.checks or ()],
        }
        for audit in audits
    ]


def audit_lines(audits: Sequence[AuditRecord]) -> str:
    """Return a paragraph of Markdown with a line for each audit."""
    if not audits:
        return "None are stored with this trial."
    return "\n".join(f"- {_line(audit)}" for audit in audits)


def _line(audit: AuditRecord) -> str:
    norm = Norm.LINF
    pairs = zip(radii(audit.attacks, norm), _worst(audit, norm), strict=True)
    kept = ", ".join(f"{100 * accuracy:.1f}% at {radius:.4g}" for radius, accuracy in pairs)
    fired = [check for check in audit.checks or () if not check.passed]
    said = ", ".join(f"{check.name} {check.value:.4g} (bound {check.bound:g})" for check in fired)
    effort = "a tenth of the effort" if audit.is_quick else "full effort"
    verdict = f"checks that fired: {said}" if fired else "no check fired"
    clean = f"{100 * audit.clean_accuracy:.1f}%"
    return (
        f"{audit.n_examples:,} test examples, {effort}: clean {clean}, under the worst of all L-inf attacks {kept}; "
        f"{verdict}."
    )


def _worst(audit: AuditRecord, norm: Norm) -> tuple[float, ...]:
    return worst_case(audit.is_right, audit.attacks, norm).accuracy
