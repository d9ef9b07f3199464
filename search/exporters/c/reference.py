"""What the trained network gives: the codes after every activation and the logits that the C has to reproduce."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.data.dataset import Inputs
from search.models.network import Mode, Network
from search.models.quantizers import relu_range
from search.models.trained_model import TrainedModel
from search.runtime import tf

_BATCH = 100


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """The trained network on some inputs.

    Attributes:
        codes: activation node -> codes.  # [n, ...]
        logits: # [n, n_classes]
    """

    codes: dict[str, NDArray[np.uint8]]
    logits: NDArray[np.float32]


def run_reference(model: TrainedModel, x: Inputs) -> Reference:
    """Run the trained network on inputs [n, ...]."""
    topology = model.topology
    network = Network(topology)
    network.load_weights(model.weights)
    network.load_policies(model.candidate, model.integer_bits)
    kernels = network.quantized_kernels()
    steps = {}
    for name, owner in topology.activation_owner.items():
        bits = model.candidate.policies[owner].activation_bits or 0
        steps[name] = relu_range(bits, model.integer_bits[name][bits])[0]
    parts: dict[str, list[NDArray[np.uint8]]] = {name: [] for name in steps}
    logits = []
    for begin in range(0, len(x), _BATCH):
        inputs = tf.constant(x[begin : begin + _BATCH])
        passed = network.forward(inputs, kernels=kernels, mode=Mode.DEPLOYED, quantized=True)
        logits.append(passed.logits.numpy())
        for name, step in steps.items():
            parts[name].append(np.rint(passed.outputs[name].numpy() / step).astype(np.uint8))
    return Reference({name: np.concatenate(found) for name, found in parts.items()}, np.concatenate(logits))
