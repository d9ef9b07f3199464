"""What a stored audit has in common, whether it is a trial's or a reference model's: what is done, and what fired."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from spaces.audit import AttackOutcome, CleanCount, Flags
from spaces.check_result import CheckResult


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AuditState:
    """An audit so far.

    Attributes:
        key: digest of everything that the figures depend on; equal keys are the same audit.
        settings: what the key was made from, and what a reader of the figures should know.
        is_right: whether the clean prediction of each example is right.  # [n]
        whole_test: the same counted on the whole test split, of which the examples are a part; None in an audit of a
            version that did not count it.
        attacks: the finished ones, in the order in which they were run.
        checks: signs that the figures are not to be trusted, docs/checks.md; None until all attacks are done.
    """

    id: int
    study_id: int
    key: str
    settings: Mapping[str, Any]
    is_right: Flags
    whole_test: CleanCount | None
    attacks: tuple[AttackOutcome, ...]
    checks: tuple[CheckResult, ...] | None
    created_at: datetime

    @property
    def n_examples(self) -> int:
        """How many test examples its accuracies refer to."""
        return len(self.is_right)

    @property
    def clean_accuracy(self) -> float:
        """The fraction of the examples that it classifies right."""
        return float(self.is_right.mean())

    @property
    def is_quick(self) -> bool:
        """Whether it did about a tenth of the work."""
        return bool(self.settings.get("quick", False))

    @property
    def has_all_attacks(self) -> bool:
        """Whether every planned attack is stored."""
        return len(self.attacks) >= int(self.settings.get("n_attacks", 0))

    @property
    def is_complete(self) -> bool:
        """Whether every planned attack and the checks are stored."""
        return self.has_all_attacks and self.checks is not None

    @property
    def masking_suspect(self) -> bool:
        """Whether a check fired: the model may be less robust than the attacks say."""
        return not all(check.passed for check in self.checks or ())
