"""The quantizers with settings as tensors against QKeras' own, bit for bit."""

from typing import Any

import numpy as np
import pytest
import qkeras
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from search.models.quantizers import KernelCode, kernel_codes, quantize_kernel, quantize_relu, relu_range
from search.runtime import tf
from spaces.layer_policy import WeightQuantizer

KERNELS = [
    pytest.param(WeightQuantizer.BINARY, 1, id="binary"),
    pytest.param(WeightQuantizer.TERNARY, 2, id="ternary"),
    *[pytest.param(WeightQuantizer.QUANTIZED_BITS, bits, id=f"bits{bits}") for bits in range(2, 9)],
]
SHAPES = [
    pytest.param((7, 5), id="dense"),
    pytest.param((3, 3, 4, 6), id="conv"),
    pytest.param((3, 3, 5, 1), id="depthwise"),
]
# Settings, kernel and the weights of the output of a traced function: one trace serves a shape.
TRACES: dict[tuple[int, ...], Any] = {}


def qkeras_quantizer(quantizer: WeightQuantizer, bits: int) -> Any:
    if quantizer is WeightQuantizer.BINARY:
        return qkeras.binary(alpha="auto_po2")
    if quantizer is WeightQuantizer.TERNARY:
        return qkeras.ternary(alpha="auto_po2")
    return qkeras.quantized_bits(bits, 0, 1, alpha="auto_po2")


def compiled(shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Return one traced function of this kernel shape and the variable from which it reads its settings."""
    if shape not in TRACES:
        code = tf.Variable(np.zeros(4, np.float32), trainable=False)

        @tf.function(input_signature=[tf.TensorSpec(shape), tf.TensorSpec(shape)], autograph=False)
        def run(kernel: Any, upstream: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(kernel)
                quantized = quantize_kernel(kernel, code)
            return quantized, tape.gradient(quantized, kernel, upstream)

        TRACES[shape] = (run, code)
    return TRACES[shape]


def assert_equal_to_qkeras(kernel: NDArray[np.float32], quantizer: WeightQuantizer, bits: int) -> None:
    upstream = np.linspace(-2, 2, kernel.size, dtype=np.float32).reshape(kernel.shape)
    run, code = compiled(kernel.shape)
    code.assign(KernelCode.of(quantizer, bits).as_array())
    ours, our_gradient = run(kernel, upstream)
    variable = tf.constant(kernel)
    with tf.GradientTape() as tape:
        tape.watch(variable)
        expected = qkeras_quantizer(quantizer, bits)(variable)
    np.testing.assert_array_equal(ours.numpy(), expected.numpy())
    np.testing.assert_array_equal(our_gradient.numpy(), tape.gradient(expected, variable, upstream).numpy())
    np.testing.assert_array_equal(our_gradient.numpy(), upstream)


@pytest.mark.parametrize(("quantizer", "bits"), KERNELS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("magnitude", [1e-6, 0.05, 1.0, 37.0, 1e6])
def test_kernel_equals_qkeras_at_every_magnitude(
    shape: tuple[int, ...], magnitude: float, quantizer: WeightQuantizer, bits: int
) -> None:
    draw = np.random.default_rng(bits).normal(0, magnitude, shape)
    assert_equal_to_qkeras(draw.astype(np.float32), quantizer, bits)


@pytest.mark.parametrize(("quantizer", "bits"), KERNELS)
def test_kernel_with_a_channel_of_zeros_equals_qkeras(quantizer: WeightQuantizer, bits: int) -> None:
    kernel = np.random.default_rng(0).normal(0, 1, (3, 3, 4, 6)).astype(np.float32)
    kernel[..., 2] = 0
    assert_equal_to_qkeras(kernel, quantizer, bits)
    assert_equal_to_qkeras(np.zeros((7, 5), np.float32), quantizer, bits)


@pytest.mark.parametrize(("quantizer", "bits"), KERNELS)
def test_kernel_with_exact_ties_equals_qkeras(quantizer: WeightQuantizer, bits: int) -> None:
    # Multiples of a sixteenth: many weights lie exactly between two codes of a power-of-two scale.
    kernel = (np.random.default_rng(1).integers(-16, 17, (7, 5)) / 16).astype(np.float32)
    kernel[0] = 1.0
    assert_equal_to_qkeras(kernel, quantizer, bits)


@given(
    kernel=hnp.arrays(np.float32, (7, 5), elements=st.floats(-8, 8, width=32, allow_subnormal=False)),
    kind=st.sampled_from([param.values for param in KERNELS]),
)
@settings(deadline=None, max_examples=60)
def test_any_kernel_equals_qkeras(kernel: NDArray[np.float32], kind: tuple[WeightQuantizer, int]) -> None:
    assert_equal_to_qkeras(kernel, *kind)


def test_one_trace_serves_every_bit_width() -> None:
    code = tf.Variable(np.zeros(4, np.float32))
    traced = []

    @tf.function(autograph=False)
    def run(kernel: Any) -> Any:
        traced.append(kernel.shape)
        return quantize_kernel(kernel, code)

    kernel = tf.constant(np.random.default_rng(2).normal(0, 1, (7, 5)).astype(np.float32))
    results = set()
    for param in KERNELS:
        code.assign(KernelCode.of(*param.values).as_array())
        results.add(run(kernel).numpy().tobytes())
    assert len(traced) == 1
    assert run.experimental_get_tracing_count() == 1
    # 2-bit quantized_bits and ternary may round alike; every other kind is a kernel of its own.
    assert len(results) >= len(KERNELS) - 1


def test_codes_of_a_kernel_worked_out_by_hand() -> None:
    # 3 bits: codes -3..3. Column 0 is 0.25 * (3, -1, 2), column 1 the same 8 times larger with 0.6 -> 2.4 -> 2.
    kernel = np.array([[0.75, 6.0], [-0.25, -2.0], [0.5, 4.8]], np.float32)
    codes, scale = kernel_codes(
        tf.constant(kernel), tf.constant(KernelCode.of(WeightQuantizer.QUANTIZED_BITS, 3).as_array())
    )
    assert codes.numpy().tolist() == [[3, 3], [-1, -1], [2, 2]]
    assert scale.numpy().tolist() == [[0.25, 2.0]]


def assert_relu_equals_qkeras(values: NDArray[np.float32], bits: int, integer: int) -> None:
    upstream = np.linspace(-1, 3, values.size, dtype=np.float32)
    run, setting = compiled_relu(values.size)
    setting.assign(relu_range(bits, integer))
    ours, our_gradient = run(values, upstream)
    x = tf.constant(values)
    with tf.GradientTape() as tape:
        tape.watch(x)
        expected = qkeras.quantized_relu(bits, integer)(x)
    np.testing.assert_array_equal(ours.numpy(), expected.numpy())
    np.testing.assert_array_equal(our_gradient.numpy(), tape.gradient(expected, x, upstream).numpy())


def compiled_relu(size: int) -> tuple[Any, Any]:
    if (size,) not in TRACES:
        setting = tf.Variable(np.zeros(2, np.float32), trainable=False)

        @tf.function(input_signature=[tf.TensorSpec([size]), tf.TensorSpec([size])], autograph=False)
        def run(x: Any, upstream: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = quantize_relu(x, setting)
            return y, tape.gradient(y, x, upstream)

        TRACES[(size,)] = (run, setting)
    return TRACES[(size,)]


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("integer", range(6))
def test_relu_equals_qkeras(bits: int, integer: int) -> None:
    step, limit = relu_range(bits, integer)
    rng = np.random.default_rng(bits)
    ties = (np.arange(-3, 12) + 0.5) * step
    edges = np.array([0.0, -0.0, limit, np.nextafter(limit, np.float32(0)), np.nextafter(limit, np.float32(np.inf))])
    spread = rng.normal(0, limit, 200)
    values = np.concatenate([ties, edges, [1e-30, -1e-30, 1e30, limit + step / 2, limit - step / 2], spread])
    assert_relu_equals_qkeras(values.astype(np.float32), bits, integer)


@given(
    values=hnp.arrays(np.float32, 16, elements=st.floats(-64, 64, width=32, allow_subnormal=False)),
    bits=st.integers(1, 8),
    integer=st.integers(0, 5),
)
@settings(deadline=None, max_examples=60)
def test_relu_of_anything_equals_qkeras(values: NDArray[np.float32], bits: int, integer: int) -> None:
    assert_relu_equals_qkeras(values, bits, integer)


def test_relu_worked_out_by_hand() -> None:
    # 2 bits, range 2: steps of 0.5 up to 1.5; ties go to the even multiple.
    x = tf.constant([-1.0, 0.0, 0.25, 0.26, 0.75, 1.25, 1.5, 1.51, 9.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = quantize_relu(x, tf.constant(relu_range(2, 1)))
    assert y.numpy().tolist() == [0, 0, 0, 0.5, 1.0, 1.0, 1.5, 1.5, 1.5]
    assert tape.gradient(y, x).numpy().tolist() == [0, 0, 1, 1, 1, 1, 1, 0, 0]
