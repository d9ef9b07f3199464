"""A decoded point of the search space: layer policies, topology choices and searched training settings."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from spaces.layer_policy import LayerPolicy, WeightQuantizer


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One network with its training: everything that the search chooses, nothing that the study fixes.

    Attributes:
        policies: layer name -> policy, in the topology's order.
        topology: topology choices, e.g. {"width": 0.5}.
        training: searched training settings, e.g. {"learning_rate": 0.001}.
    """

    policies: Mapping[str, LayerPolicy]
    topology: Mapping[str, float]
    training: Mapping[str, float]

    def __post_init__(self) -> None:
        object.__setattr__(self, "policies", MappingProxyType(dict(self.policies)))
        for name in ("topology", "training"):
            # As floats, because 1 and 1.0 are equal but read differently in the JSON under the fingerprint.
            settings = {key: _as_float(value) for key, value in getattr(self, name).items()}
            object.__setattr__(self, name, MappingProxyType(settings))

    @property
    def has_jacobian_term(self) -> bool:
        """Whether any layer carries a positive Jacobian weight."""
        return any(policy.jr_weight > 0 for policy in self.policies.values())

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values from which `from_json` makes an equal candidate."""
        return {
            "policies": {
                name: {
                    "weight_bits": policy.weight_bits,
                    "weight_quantizer": policy.weight_quantizer.value,
                    "activation_bits": policy.activation_bits,
                    "jr_weight": _as_float(policy.jr_weight),
                }
                for name, policy in self.policies.items()
            },
            "topology": dict(self.topology),
            "training": dict(self.training),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Candidate":
        """Rebuild a candidate from `to_json`."""
        policies = {name: _policy_from_json(policy) for name, policy in value["policies"].items()}
        return cls(policies=policies, topology=value["topology"], training=value["training"])

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the canonical JSON: equal exactly for equal candidates."""
        canonical = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


def _as_float(value: float) -> float:
    return float(value) + 0.0  # -0.0 becomes 0.0


def _policy_from_json(value: Mapping[str, Any]) -> LayerPolicy:
    is_ternary = value["weight_quantizer"] == WeightQuantizer.TERNARY
    return LayerPolicy(
        weight_bits=value["weight_bits"],
        activation_bits=value["activation_bits"],
        jr_weight=value["jr_weight"],
        two_bit_quantizer=WeightQuantizer.TERNARY if is_ternary else WeightQuantizer.QUANTIZED_BITS,
    )
