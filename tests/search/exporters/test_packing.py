"""The flash image: codes in and out, codes against QKeras' kernels, folded normalization, and its size."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from search.exporters.packing import folded_norm, layer_codes, pack_codes, pack_model
from search.metrics.cost import candidate_cost
from search.models.network import Mode, Network
from search.runtime import tf
from spaces.layer_policy import WEIGHT_BITS, WeightQuantizer
from tests.search.exporters.builders import make_model
from tests.search.models.builders import KERNEL_KINDS, flat_topology, identity_block_topology, make_inputs
from tests.search.models.reference import qkeras_kernel

SHIFTS = range(len(KERNEL_KINDS))


@st.composite
def codes_of_a_width(draw: st.DrawFn) -> tuple[NDArray[np.int8], int]:
    bits = draw(st.sampled_from(WEIGHT_BITS))
    values = st.sampled_from([-1, 1]) if bits == 1 else st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return np.array(draw(st.lists(values, min_size=1, max_size=70)), np.int8), bits


def unpack_codes(content: bytes, *, count: int, bits: int) -> NDArray[np.int8]:
    """Undo `pack_codes`."""
    planes = np.unpackbits(np.frombuffer(content, np.uint8), count=count * bits, bitorder="little")
    unsigned = (planes.reshape(count, bits).astype(np.int16) << np.arange(bits)).sum(axis=1)
    signed = unsigned * 2 - 1 if bits == 1 else unsigned - ((unsigned >> (bits - 1)) << bits)
    codes: NDArray[np.int8] = signed.astype(np.int8)
    return codes


@given(codes_of_a_width())
def test_packed_codes_unpack_to_themselves(drawn: tuple[NDArray[np.int8], int]) -> None:
    codes, bits = drawn
    packed = pack_codes(codes, bits)
    assert len(packed) == -(-len(codes) * bits // 8)
    np.testing.assert_array_equal(unpack_codes(packed, count=len(codes), bits=bits), codes)


def test_packed_bytes_by_hand() -> None:
    # Low bits first: 1 -> 1, -1 -> 0 for binary; 4 bits: 3 in the low half, -2 = 0b1110 in the high half.
    assert pack_codes(np.array([1, -1, -1, 1, 1], np.int8), 1) == bytes([0b11001])
    assert pack_codes(np.array([3, -2, 7], np.int8), 4) == bytes([0xE3, 0x07])
    # 3 bits: 001, 111, 010 -> 010 111 001, the ninth bit (0) in the second byte.
    assert pack_codes(np.array([1, -1, 2], np.int8), 3) == bytes([0b10111001, 0])
    assert pack_codes(np.array([-127, 5], np.int8), 8) == bytes([0x81, 0x05])


@pytest.mark.parametrize("shift", SHIFTS)
def test_codes_times_scales_are_the_kernels_of_qkeras(shift: int) -> None:
    model = make_model(shift=shift)
    for layer in model.topology.layers:
        codes, exponents = layer_codes(model, layer)
        kernel = model.weights[f"{layer.name}/kernel"]
        expected = qkeras_kernel(model.candidate, layer.name, tf.constant(kernel)).numpy()
        assert codes.shape == kernel.shape
        scale = np.exp2(exponents.astype(np.float64))
        per_channel = scale[: kernel.shape[-1]] if layer.name == "depthwise" else scale
        # QKeras computes w + (q - w): the last bit of the larger of both is lost.
        tolerance = np.finfo(np.float32).eps * np.maximum(np.abs(kernel), np.abs(expected)).max()
        np.testing.assert_allclose(codes * per_channel, expected, rtol=0, atol=tolerance, err_msg=layer.name)


@pytest.mark.parametrize("shift", SHIFTS)
def test_codes_are_in_the_range_of_their_width(shift: int) -> None:
    model = make_model(shift=shift)
    for layer in model.topology.layers:
        policy = model.candidate.policies[layer.name]
        codes, exponents = layer_codes(model, layer)
        assert len(exponents) == model.topology.shapes[layer.name][-1]
        if policy.weight_quantizer is WeightQuantizer.BINARY:
            assert set(np.unique(codes)) <= {-1, 1}
        else:
            largest = 1 if policy.weight_bits == 2 else 2 ** (policy.weight_bits - 1) - 1
            assert np.abs(codes).max() <= largest
            assert np.abs(codes).max() > 0


def test_a_depthwise_kernel_has_one_scale_for_all_channels() -> None:
    model = make_model()
    layer = next(layer for layer in model.topology.layers if layer.name == "depthwise")
    _, exponents = layer_codes(model, layer)
    assert len(exponents) == 4
    assert len(set(exponents.tolist())) == 1


@pytest.mark.parametrize("shift", SHIFTS)
def test_image_has_the_size_that_the_search_counts(shift: int) -> None:
    for topology in (None, identity_block_topology(), flat_topology()):
        model = make_model(shift=shift, topology=topology)
        assert len(pack_model(model)) == candidate_cost(model.topology, model.candidate).size_bytes


@pytest.mark.parametrize("build", [None, flat_topology])
def test_folded_normalization_gives_the_deployed_output_of_every_layer(build: object) -> None:
    model = make_model(topology=build() if callable(build) else None)
    network = Network(model.topology)
    network.load_weights(model.weights)
    network.load_policies(model.candidate, model.integer_bits)
    kernels = network.quantized_kernels()
    outputs = network.forward(
        tf.constant(make_inputs(model.topology, 4)), kernels=kernels, mode=Mode.DEPLOYED, quantized=True
    ).outputs
    for layer in model.topology.layers:
        multiplier, bias = folded_norm(model, layer)
        linear = outputs[layer.name].numpy() - model.weights[f"{layer.name}/bias"]
        after = model.topology.norm_of.get(layer.name, layer.name)
        np.testing.assert_allclose(multiplier * linear + bias, outputs[after].numpy(), rtol=1e-4, atol=1e-5)


def test_image_reads_back_layer_by_layer() -> None:
    """Read as the module's description says, with nothing but its words."""
    model = make_model(shift=2)
    image, at = pack_model(model), 0

    def take(n: int) -> bytes:
        nonlocal at
        at += n
        return image[at - n : at]

    for layer in model.topology.layers:
        bits = model.candidate.policies[layer.name].weight_bits
        kernel = model.weights[f"{layer.name}/kernel"]
        channels = model.topology.shapes[layer.name][-1]
        stream = int.from_bytes(take(-(-kernel.size * bits // 8)), "little")
        fields = [(stream >> (bits * index)) & (2**bits - 1) for index in range(kernel.size)]
        if bits == 1:
            codes = np.array([2 * value - 1 for value in fields])
        else:
            codes = np.array([value - 2**bits if value >= 2 ** (bits - 1) else value for value in fields])
        expected, exponents = layer_codes(model, layer)
        np.testing.assert_array_equal(codes.reshape(kernel.shape), expected)
        multiplier, bias = folded_norm(model, layer)
        np.testing.assert_array_equal(np.frombuffer(take(4 * channels), "<f4"), bias)
        if layer.name in model.topology.norm_of:
            np.testing.assert_array_equal(np.frombuffer(take(4 * channels), "<f4"), multiplier)
        np.testing.assert_array_equal(np.frombuffer(take(channels), np.int8), exponents)
    assert at == len(image)
