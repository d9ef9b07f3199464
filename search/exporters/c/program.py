"""An integer program: what the generated C computes, as values; knows the kernels of `runtime/`, but no C syntax."""

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from search.metrics.memory_plan import MemoryPlan
from search.models.topology import Shape


class LayerKind(Enum):
    """Which kernel runs a layer; the values are those of `enum nn_kind`."""

    CONVOLUTION = "NN_CONVOLUTION"
    DEPTHWISE = "NN_DEPTHWISE"
    DENSE_OF_SUMS = "NN_DENSE_OF_SUMS"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LayerProgram:
    """A layer: ((acc * multiplier) >> shift) + bias in the step's unit, per output channel.

    Attributes:
        name: of the topology's layer.
        source: the stored node that it reads.
        in_shape: height, width, channels as the kernel sees them; [1, 1, n] for a dense layer.
        kernel_size, strides, pads: by height and width; pads at the top and on the left.
        zero: code of an input that is 0.
        bits: of a weight.
        weights: packed as `runtime/nn_kernels.h` says.
        biases: # [channels]
        multipliers: # [channels]; None where one multiplier serves all.
        multiplier: of all channels where `multipliers` is None.
        shifts: 1 to 62.  # [channels]
        scratch: where the layer's working memory begins, or None.
    """

    name: str
    kind: LayerKind
    source: str
    in_shape: tuple[int, int, int]
    kernel_size: tuple[int, int]
    strides: tuple[int, int]
    pads: tuple[int, int]
    zero: int
    bits: int
    weights: bytes
    biases: NDArray[np.int32]
    multipliers: NDArray[np.int32] | None
    multiplier: int
    shifts: NDArray[np.int8]
    scratch: int | None

    @property
    def constant_bytes(self) -> int:
        """Bytes of the layer's constants."""
        n_channels = len(self.biases)
        return len(self.weights) + n_channels * (4 + 1 + (0 if self.multipliers is None else 4))


@dataclass(frozen=True, slots=True, kw_only=True)
class TermProgram:
    """A stored value that is added, times 2^shift."""

    source: str
    shift: int
    is_wide: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StepProgram:
    """One step of the memory plan with its numbers.

    Attributes:
        output: the node whose value is stored.
        shape: of the output: height, width, channels.
        unit_exponent: a sum of 1 is worth 2^unit_exponent in the network's units, but for a pooling.
        fraction: a code is worth 2^fraction sums.
        max_code: largest code of the activation; None where the sums are stored.
        pooled_area: positions that a pooling adds up; None for other steps.
        sums: where the sums of one position lie, or None.
    """

    output: str
    shape: tuple[int, int, int]
    layers: tuple[LayerProgram, ...]
    terms: tuple[TermProgram, ...]
    unit_exponent: int
    fraction: int
    max_code: int | None
    pooled_area: int | None
    sums: int | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Program:
    """A whole network.

    Attributes:
        input: the input node.
        input_shape: of the codes that the program takes.
        largest_code: of the input.
    """

    input: str
    input_shape: Shape
    plan: MemoryPlan
    steps: tuple[StepProgram, ...]

    @property
    def constant_bytes(self) -> int:
        """Bytes of all constants."""
        return sum(layer.constant_bytes for step in self.steps for layer in step.layers)

    @property
    def n_classes(self) -> int:
        """Number of logits."""
        return self.steps[-1].shape[-1]
