"""What a candidate costs on the device, by arithmetic alone: bytes of flash, operations, peak activation memory.

The flash layout of a layer is: packed weights; per output channel a 32-bit bias and an 8-bit shift (the power-of-two
scale); where batch normalization is folded in, a 32-bit multiplier too. The C export's constants are just that.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from search.metrics.memory_plan import plan_memory
from search.models.topology import Topology
from spaces.candidate import Candidate

BIAS_BYTES = 4
SHIFT_BYTES = 1
MULTIPLIER_BYTES = 4
_INPUT_BITS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSize:
    """Flash of one layer, in bytes."""

    name: str
    weight_bytes: int
    bias_bytes: int
    scale_bytes: int

    @property
    def total_bytes(self) -> int:
        """All of it."""
        return self.weight_bytes + self.bias_bytes + self.scale_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one inference of a candidate costs.

    Attributes:
        layers: flash by layer; `size_bytes` is their sum.
        macs: multiply-accumulates.
        bops: bit-operations: MACs times weight bits times input bits (Baskin et al. 2021, "UNIQ").
        ram_bytes: size of the one block of memory that an inference runs in, its input, logits and working memory
            included (`search.metrics.memory_plan`); the stack is not.
    """

    layers: tuple[LayerSize, ...]
    macs: int
    bops: int
    ram_bytes: int

    @property
    def size_bytes(self) -> int:
        """Bytes of parameters in flash."""
        return sum(layer.total_bytes for layer in self.layers)

    def metrics(self) -> Mapping[str, int]:
        """Return the metrics of `spaces.objectives.ARITHMETIC_METRICS`."""
        return {"size_bytes": self.size_bytes, "ram_bytes": self.ram_bytes, "macs": self.macs, "bops": self.bops}


def candidate_cost(topology: Topology, candidate: Candidate) -> Cost:
    """Return what a candidate costs; nothing is built or trained."""
    sizes = []
    bops = 0
    for layer in topology.geometry:
        policy = candidate.policies[layer.name]
        scale_bytes = SHIFT_BYTES + (MULTIPLIER_BYTES if layer.has_norm else 0)
        sizes.append(
            LayerSize(
                name=layer.name,
                weight_bytes=math.ceil(layer.n_weights * policy.weight_bits / 8),
                bias_bytes=layer.n_channels * BIAS_BYTES,
                scale_bytes=layer.n_channels * scale_bytes,
            )
        )
        input_bits = candidate.policies[layer.input_owner].activation_bits if layer.input_owner else _INPUT_BITS
        bops += layer.macs * policy.weight_bits * (input_bits or _INPUT_BITS)
    macs = sum(layer.macs for layer in topology.geometry)
    return Cost(layers=tuple(sizes), macs=macs, bops=bops, ram_bytes=plan_memory(topology).ram_bytes)
