"""QKeras' quantizers with their settings as tensors, so that one compiled graph serves every bit width.

`quantize_kernel` equals `quantized_bits(alpha="auto_po2")`, `ternary(alpha="auto_po2")` and `binary(alpha="auto_po2")`
bit for bit, forward and gradient; `quantize_relu` equals `quantized_relu` with a power-of-two range.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from search.runtime import tf
from spaces.layer_policy import WeightQuantizer

_QKERAS_EPSILON = 1e-7
_N_UNROLLS = 5

Tensor = Any  # TensorFlow ships no types


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelCode:
    """Settings of a kernel quantizer as the graph reads them.

    Attributes:
        max_code: largest integer code, 2^(bits - 1) - 1; 1 for binary and ternary.
        range_divisor: the first scale is 2 * max|w| / range_divisor.
        is_binary, is_ternary: 1.0 or 0.0.
    """

    max_code: float
    range_divisor: float
    is_binary: float
    is_ternary: float

    @classmethod
    def of(cls, quantizer: WeightQuantizer, bits: int) -> "KernelCode":
        """Return the settings of a quantizer at a bit width."""
        if quantizer is WeightQuantizer.QUANTIZED_BITS:
            max_code = 2.0 ** (bits - 1) - 1
            return cls(max_code=max_code, range_divisor=2 * max_code, is_binary=0.0, is_ternary=0.0)
        is_binary = float(quantizer is WeightQuantizer.BINARY)
        return cls(max_code=1.0, range_divisor=3.0, is_binary=is_binary, is_ternary=1.0 - is_binary)

    def as_array(self) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Return the settings as one vector, the order that `quantize_kernel` reads.  # [4]"""
        return np.array([self.max_code, self.range_divisor, self.is_binary, self.is_ternary], np.float32)


def _power_of_two(scale: Tensor) -> Tensor:
    return tf.pow(2.0, tf.math.round(tf.math.log(scale + _QKERAS_EPSILON) / np.log(2.0).astype(np.float32)))


def kernel_codes(kernel: Tensor, code: Tensor) -> tuple[Tensor, Tensor]:
    """Return integer codes and their scale: codes * scale is the quantized kernel.

    Per output channel (last axis) the scale is the power of two nearest to the least-squares scale, iterated five
    times from the range (QKeras 0.9.0, `quantized_bits.__call__` and `_get_scale`).

    Args:
        kernel: weights.  # [..., out]
        code: `KernelCode.as_array`.  # [4]

    Returns:
        Codes as floats [..., out] and the scale [1, ..., out].
    """
    max_code, range_divisor, is_binary, is_ternary = tf.unstack(code)
    axes = list(range(kernel.shape.rank - 1))
    magnitude, sign = tf.abs(kernel), tf.sign(kernel)
    sign_without_zero = sign + (1.0 - tf.abs(sign))
    scale = _power_of_two(tf.reduce_max(magnitude, axis=axes, keepdims=True) * 2 / range_divisor)
    codes = sign
    for _ in range(_N_UNROLLS):
        ratio = magnitude / scale
        rounded = tf.where(is_ternary > 0, tf.round(ratio), tf.floor(ratio + 0.5))
        codes = tf.where(is_binary > 0, sign_without_zero, sign * tf.minimum(rounded, max_code))
        numerator = tf.reduce_mean(kernel * codes, axis=axes, keepdims=True)
        denominator = tf.reduce_mean(codes * codes, axis=axes, keepdims=True)
        scale = _power_of_two(numerator / (denominator + _QKERAS_EPSILON))
    return codes, scale


def quantize_kernel(kernel: Tensor, code: Tensor) -> Tensor:
    """Return the quantized kernel; its gradient is passed straight through.

    Args:
        kernel: weights.  # [..., out]
        code: `KernelCode.as_array`.  # [4]
    """
    codes, scale = kernel_codes(tf.stop_gradient(kernel), code)
    # QKeras adds the difference instead of replacing the value; the last bit depends on it.
    return kernel + tf.stop_gradient(-kernel + scale * codes)


def relu_range(bits: int, integer: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return step and largest value of `quantized_relu(bits, integer)`, the order that `quantize_relu` reads.  # [2]"""
    step = 2.0 ** (integer - bits)
    return np.array([step, (2.0**bits - 1) * step], np.float32)


def relu_slope(x: Tensor, limit: Tensor) -> Tensor:
    """Return the surrogate derivative of the quantized relu: 1 where 0 < x <= limit, else 0."""
    return tf.cast((x > 0) & (x <= limit), x.dtype)


def quantize_relu(x: Tensor, settings: Tensor) -> Tensor:
    """Return relu(x) rounded half to even to multiples of the step and clipped to the limit.

    Args:
        x: pre-activation.
        settings: `relu_range`.  # [2]
    """
    step, limit = settings[0], settings[1]

    @tf.custom_gradient
    def apply(value: Tensor) -> tuple[Tensor, Any]:
        def gradient(upstream: Tensor) -> Tensor:
            return upstream * relu_slope(value, limit)

        return tf.clip_by_value(tf.round(value / step) * step, 0.0, limit), gradient

    return apply(x)
