"""Two stored audits on the same images: what they must share, and the paired comparison."""

from collections.abc import Mapping
from typing import Any, Protocol

from spaces.audit import AttackOutcome, Comparison, Flags, compare, norms_of, radii, surviving

# What two audits must share for their examples, radii and attacks to be the same.
COMMON_SETTINGS = ("plan_version", "plan", "data_fingerprint", "images", "quick", "seed", "epsilons")


class AuditedModel(Protocol):
    """An audit of any model: of a trial's, or of a reference model's."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """What the figures depend on."""
        ...

    @property
    def is_right(self) -> Flags:
        """Whether the clean prediction of each example is right.  # [n]"""
        ...

    @property
    def attacks(self) -> tuple[AttackOutcome, ...]:
        """The finished ones."""
        ...


def differing_settings(first: AuditedModel, second: AuditedModel) -> tuple[str, ...]:
    """Return in which of `COMMON_SETTINGS` two audits differ; empty where they compare."""
    return tuple(key for key in COMMON_SETTINGS if first.settings.get(key) != second.settings.get(key))


def compare_records(first: AuditedModel, second: AuditedModel) -> tuple[Comparison, ...]:
    """Compare two audits without differing settings and with all attacks, norm by norm and radius by radius."""
    comparisons: list[Comparison] = []
    for norm in norms_of(first.attacks):
        left, right = (surviving(record.is_right, record.attacks, norm) for record in (first, second))
        comparisons += compare(left, right, norm=norm, epsilons=radii(first.attacks, norm))
    return tuple(comparisons)
