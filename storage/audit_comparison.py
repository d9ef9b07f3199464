"""Two stored audits on the same images: what they must share, and the paired comparison."""

from spaces.audit import Comparison, compare, norms_of, radii, surviving
from storage.audits import AuditRecord

# What two audits must share for their examples, radii and attacks to be the same.
COMMON_SETTINGS = ("plan_version", "plan", "data_fingerprint", "images", "quick", "seed", "epsilons")


def differing_settings(first: AuditRecord, second: AuditRecord) -> tuple[str, ...]:
    """Return in which of `COMMON_SETTINGS` two audits differ; empty where they compare."""
    return tuple(key for key in COMMON_SETTINGS if first.settings.get(key) != second.settings.get(key))


def compare_records(first: AuditRecord, second: AuditRecord) -> tuple[Comparison, ...]:
    """Compare two audits without differing settings and with all attacks, norm by norm and radius by radius."""
    comparisons: list[Comparison] = []
    for norm in norms_of(first.attacks):
        left, right = (surviving(record.is_right, record.attacks, norm) for record in (first, second))
        comparisons += compare(left, right, norm=norm, epsilons=radii(first.attacks, norm))
    return tuple(comparisons)
