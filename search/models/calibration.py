"""Integer bits of every activation at every bit width, from the values that a float network shows on real inputs."""

import numpy as np
from numpy.typing import NDArray

from search.models.network import Mode, Network
from search.models.quantizers import relu_range
from search.runtime import tf
from spaces.layer_policy import ACTIVATION_BITS

_MAX_INTEGER_BITS = 7
_MAX_VALUES = 50_000


def calibrate_integer_bits(network: Network, x: NDArray[np.float32], *, mode: Mode) -> dict[str, dict[int, int]]:
    """Choose, for each activation and bit width, the range with the least squared quantization error.

    Args:
        network: float weights; its activations are taken before quantization.
        x: calibration inputs from the training split.  # [n, *input_shape]
        mode: DEPLOYED for a trained network, TRAIN for a fresh one, whose moving statistics mean nothing yet.

    Returns:
        Activation node -> activation bits -> integer bits of `quantized_relu`; never negative, QKeras takes none.
    """
    forward = network.forward(tf.constant(x), kernels=network.float_kernels(), mode=mode, quantized=False)
    chosen: dict[str, dict[int, int]] = {}
    for name in network.topology.activation_owner:
        values = forward.outputs[name].numpy().ravel()
        values = values[:: max(1, values.size // _MAX_VALUES)]
        chosen[name] = {bits: _best_integer(values, bits) for bits in ACTIVATION_BITS}
    return chosen


def _best_integer(values: NDArray[np.float32], bits: int) -> int:
    errors = []
    for integer in range(_MAX_INTEGER_BITS + 1):
        step, limit = relu_range(bits, integer)
        errors.append(np.mean((np.clip(np.round(values / step) * step, 0, limit) - values) ** 2))
    return int(np.argmin(errors))
