import pytest

from spaces.errors import SpecError
from spaces.layer_policy import ACTIVATION_BITS, WEIGHT_BITS, LayerPolicy, WeightQuantizer


@pytest.mark.parametrize("bits", [0, 5, 7, 9, -1])
def test_weight_bits_without_a_quantizer_are_refused(bits):
    with pytest.raises(SpecError, match=rf"weight_bits must be one of \[1, 2, 3, 4, 6, 8\]; got {bits}\."):
        LayerPolicy(weight_bits=bits, activation_bits=8)


@pytest.mark.parametrize("bits", [0, 1, 5, 7, 9])
def test_activation_bits_without_a_quantizer_are_refused(bits):
    with pytest.raises(SpecError, match=rf"activation_bits must be one of \[2, 3, 4, 6, 8\]; got {bits}\."):
        LayerPolicy(weight_bits=8, activation_bits=bits)


@pytest.mark.parametrize("jr_weight", [-0.1, float("nan"), float("inf")])
def test_jr_weight_is_finite_and_not_negative(jr_weight):
    with pytest.raises(SpecError, match="jr_weight must be finite and >= 0"):
        LayerPolicy(weight_bits=8, activation_bits=8, jr_weight=jr_weight)


@pytest.mark.parametrize("bits", WEIGHT_BITS)
def test_width_implies_the_quantizer(bits):
    policy = LayerPolicy(weight_bits=bits, activation_bits=None, two_bit_quantizer=WeightQuantizer.TERNARY)
    expected = {1: WeightQuantizer.BINARY, 2: WeightQuantizer.TERNARY}.get(bits, WeightQuantizer.QUANTIZED_BITS)
    assert policy.weight_quantizer is expected


def test_two_bits_are_quantized_bits_unless_ternary_is_chosen():
    assert LayerPolicy(weight_bits=2, activation_bits=2).weight_quantizer is WeightQuantizer.QUANTIZED_BITS


def test_two_bit_quantizer_makes_no_difference_at_other_widths():
    plain = LayerPolicy(weight_bits=4, activation_bits=4)
    assert plain == LayerPolicy(weight_bits=4, activation_bits=4, two_bit_quantizer=WeightQuantizer.TERNARY)


def test_two_bits_cannot_be_binary():
    with pytest.raises(SpecError, match="two_bit_quantizer"):
        LayerPolicy(weight_bits=2, activation_bits=2, two_bit_quantizer=WeightQuantizer.BINARY)


@pytest.mark.parametrize("bits", [*ACTIVATION_BITS, None])
def test_known_activation_bits_are_taken(bits):
    assert LayerPolicy(weight_bits=8, activation_bits=bits).activation_bits == bits
