"""The finite values of one candidate, with the seed and the fidelity they were taken at."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from spaces.check_result import CheckResult
from spaces.errors import TrialError


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What was measured of one trained candidate; accuracies are fractions in [0, 1].

    Attributes:
        clean_accuracy: on the whole validation split.
        robust_accuracy: mean of `worst_case` over the epsilon grid.
        epsilons: the study's grid in input units, ascending.
        worst_case: accuracy at each epsilon under the worst of all attacks, per example.
        attack_accuracy: attack name -> accuracy at each epsilon under that attack alone, which is run on every example
            that the model classifies right; what it breaks at one epsilon counts as broken at all larger ones.
        subset_clean_accuracy: on the attack subset alone, the value that `worst_case` starts from at epsilon 0.
        size_bytes: parameters as the exporter writes them to flash.
        macs, bops, ram_bytes: multiply-accumulates and bit-operations of one inference; peak activation memory.
        epochs: the fidelity: epochs of training that the candidate had.
        seed: the trial's seed.
        checks: signs that the robust accuracy is not to be trusted, each with its bound; docs/checks.md.
    """

    clean_accuracy: float
    robust_accuracy: float
    epsilons: tuple[float, ...]
    worst_case: tuple[float, ...]
    attack_accuracy: Mapping[str, tuple[float, ...]]
    subset_clean_accuracy: float
    size_bytes: int
    macs: int
    bops: int
    ram_bytes: int
    epochs: int
    seed: int
    checks: tuple[CheckResult, ...] = ()

    def __post_init__(self) -> None:
        attacks = {name: tuple(values) for name, values in self.attack_accuracy.items()}
        object.__setattr__(self, "attack_accuracy", MappingProxyType(attacks))
        fractions = [self.clean_accuracy, self.robust_accuracy, self.subset_clean_accuracy, *self.worst_case]
        for values in attacks.values():
            fractions.extend(values)
        if not all(math.isfinite(value) and 0 <= value <= 1 for value in fractions):
            raise TrialError(f"every accuracy must be a finite fraction in [0, 1]; got {fractions}.")
        if len(self.worst_case) != len(self.epsilons):
            raise TrialError(f"{len(self.epsilons)} epsilons but {len(self.worst_case)} worst-case accuracies.")

    @property
    def masking_suspect(self) -> bool:
        """Whether a check fired: the robust accuracy may come from gradients that mislead the attacks."""
        return not all(check.passed for check in self.checks)

    @property
    def withheld_reason(self) -> str | None:
        """Why the score does not count, where a precondition of the attacks failed; else None."""
        failed = [check.name for check in self.checks if check.is_precondition and not check.passed]
        return f"failed preconditions of the attacks: {', '.join(failed)}" if failed else None

    def metric(self, name: str) -> float:
        """Return the value of a metric of `spaces.objectives.METRICS`."""
        return float(getattr(self, name))

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values from which `from_json` makes an equal measurement."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        fields["attack_accuracy"] = {name: list(values) for name, values in self.attack_accuracy.items()}
        fields["checks"] = [check.to_json() for check in self.checks]
        fields["epsilons"], fields["worst_case"] = list(self.epsilons), list(self.worst_case)
        return fields

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Measurement":
        """Rebuild a measurement from `to_json`."""
        fields = {name: value[name] for name in cls.__dataclass_fields__ if name in value}
        fields["epsilons"], fields["worst_case"] = tuple(value["epsilons"]), tuple(value["worst_case"])
        fields["checks"] = tuple(CheckResult.from_json(check) for check in value.get("checks", []))
        return cls(**fields)
