"""The scale of a network's logits: a factor on its last layer, which changes no prediction."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from search.models.topology import Topology


def scale_logits(
    weights: Mapping[str, NDArray[np.float32]], topology: Topology, *, factor: float
) -> dict[str, NDArray[np.float32]]:
    """Return weights that give `factor` times the logits; the last layer's kernel and bias are multiplied.

    A power of two leaves the integer codes of the kernel as they are, because the kernel's own scale is one too: the
    deployed network computes the same and calls the unit of its logits by another name.

    Args:
        weights: `Network.weights`.
        topology: of the network; its last node is a dense layer.
        factor: power of two.
    """
    last = topology.nodes[-1].name
    scaled = {f"{last}/kernel", f"{last}/bias"}
    return {name: value * np.float32(factor) if name in scaled else value for name, value in weights.items()}
