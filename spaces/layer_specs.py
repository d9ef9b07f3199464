"""The section of a study file that says what each layer may choose."""

from typing import Literal, Self

from pydantic import model_validator

from spaces.layer_policy import WeightQuantizer
from spaces.spec_values import ActivationBits, JacobianWeights, Section, WeightBits


class LayerRule(Section):
    """Narrows or ties the choices of the layers whose name matches a shell-style pattern.

    With `tie`, all matched layers share one parameter for each field that the rule names.

    Attributes:
        match: shell-style pattern on layer names; it must match a layer.
        weight_bits: the weight bit widths these layers choose from.
        activation_bits: the bit widths of the activations that follow these layers.
        jr_weight: the Jacobian weights these layers choose from; they must contain 0.
        tie: whether the matched layers share one choice.
    """

    match: str
    weight_bits: WeightBits | None = None
    activation_bits: ActivationBits | None = None
    jr_weight: JacobianWeights | None = None
    tie: bool = False

    @model_validator(mode="after")
    def _names_a_choice(self) -> Self:
        if self.weight_bits is None and self.activation_bits is None and self.jr_weight is None:
            raise ValueError("a rule must name weight_bits, activation_bits or jr_weight")
        return self


class LayerChoices(Section):
    """The choices of every quantizable layer, and rules that narrow or tie some of them.

    Attributes:
        weight_bits: bit widths of a layer's weights; 1 is binary.
        activation_bits: bit widths of the activation that follows a layer.
        jr_weight: weights of a layer's Jacobian term; they must contain 0.
        two_bit_quantizer: what 2 bits mean for weights, "quantized_bits" or "ternary".
        rules: narrow or tie some layers; the last rule that matches wins.
    """

    weight_bits: WeightBits = (2, 3, 4, 6, 8)
    activation_bits: ActivationBits = (3, 4, 6, 8)
    jr_weight: JacobianWeights = (0.0, 1e-4, 1e-3, 1e-2)
    two_bit_quantizer: Literal[WeightQuantizer.QUANTIZED_BITS, WeightQuantizer.TERNARY] = WeightQuantizer.QUANTIZED_BITS
    rules: tuple[LayerRule, ...] = ()
