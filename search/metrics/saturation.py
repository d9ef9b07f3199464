"""How much of each activation sits at the top of its quantizer's range, where the surrogate gradient is zero."""

import numpy as np
from numpy.typing import NDArray

from search.models.network import Mode, Network
from search.runtime import tf


def saturated_fractions(network: Network, x: NDArray[np.float32]) -> dict[str, float]:
    """Return activation node -> fraction of its values at the largest one that it can take.

    Args:
        network: with a candidate's policies.
        x: clean inputs.  # [n, *input_shape]
    """
    forward = network.forward(tf.constant(x), kernels=network.quantized_kernels(), mode=Mode.DEPLOYED, quantized=True)
    return {
        name: float(np.mean(forward.outputs[name].numpy() >= limit.numpy()))
        for name, limit in network.relu_limits().items()
    }
