"""What one layer gets: the bit widths of its weights and activations and the weight of its Jacobian term."""

from dataclasses import dataclass
from enum import StrEnum

from spaces.errors import SpecError

WEIGHT_BITS = (1, 2, 3, 4, 6, 8)
ACTIVATION_BITS = (2, 3, 4, 6, 8)


class LayerKind(StrEnum):
    """The kinds of layers that carry weights."""

    CONV2D = "conv2d"
    DEPTHWISE_CONV2D = "depthwise_conv2d"
    DENSE = "dense"


class WeightQuantizer(StrEnum):
    """The quantizer of a kernel, by its QKeras name; all use a power-of-two scale per output channel."""

    BINARY = "binary"
    TERNARY = "ternary"
    QUANTIZED_BITS = "quantized_bits"


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerPolicy:
    """The choices for one conv, depthwise or dense layer.

    Attributes:
        weight_bits: width of a stored weight, one of `WEIGHT_BITS`.
        activation_bits: width of the activation that follows the layer, one of `ACTIVATION_BITS`;
            None where no activation follows (the logits, or a shortcut that ends in an addition).
        jr_weight: lambda of the layer's Jacobian term, >= 0; the term looks at the activation entering the layer.
        two_bit_quantizer: which quantizer a 2-bit kernel uses; without meaning at other widths.
    """

    weight_bits: int
    activation_bits: int | None
    jr_weight: float = 0.0
    two_bit_quantizer: WeightQuantizer = WeightQuantizer.QUANTIZED_BITS

    def __post_init__(self) -> None:
        if self.weight_bits not in WEIGHT_BITS:
            raise SpecError(f"weight_bits must be one of {list(WEIGHT_BITS)}; got {self.weight_bits}.")
        if self.activation_bits is not None and self.activation_bits not in ACTIVATION_BITS:
            raise SpecError(f"activation_bits must be one of {list(ACTIVATION_BITS)}; got {self.activation_bits}.")
        if not 0 <= self.jr_weight < float("inf"):
            raise SpecError(f"jr_weight must be finite and >= 0; got {self.jr_weight}.")
        if self.two_bit_quantizer is WeightQuantizer.BINARY:
            raise SpecError("two_bit_quantizer must be 'quantized_bits' or 'ternary'; got 'binary'.")
        if self.weight_bits != 2:
            # Without meaning here: equal layers must be equal values, also after a round trip through JSON.
            object.__setattr__(self, "two_bit_quantizer", WeightQuantizer.QUANTIZED_BITS)

    @property
    def weight_quantizer(self) -> WeightQuantizer:
        """The quantizer that the width implies: 1 is binary, 2 is the policy's choice, else quantized_bits."""
        if self.weight_bits == 1:
            return WeightQuantizer.BINARY
        if self.weight_bits == 2:
            return self.two_bit_quantizer
        return WeightQuantizer.QUANTIZED_BITS
