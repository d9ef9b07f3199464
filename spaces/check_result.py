"""The outcome of one check on a measurement: a number, its bound, and whether it passed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """One check.

    Attributes:
        name: what docs/checks.md calls it.
        value: what was measured.
        bound: what it was held against.
        passed: whether it held.
        is_precondition: whether a failure withholds the score; else it marks the trial as suspect.
    """

    name: str
    value: float
    bound: float
    passed: bool
    is_precondition: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values from which `from_json` makes an equal result."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "CheckResult":
        """Rebuild a result from `to_json`."""
        return cls(**value)
