"""What a node reads, seen through the Rescales and flattenings before it, for formats that fold a Rescale away."""

import math
from dataclasses import dataclass

from search.models.topology import Flatten, Node, Rescale, Topology


@dataclass(frozen=True, slots=True, kw_only=True)
class RescaledValue:
    """An input of a node: what `origin` computes, times the factor of every Rescale between the two.

    Attributes:
        origin: the nearest node before that is neither a Rescale nor a Flatten.
        rescales: those between, the nearest to the reader first.
    """

    origin: Node
    rescales: tuple[Rescale, ...]

    @property
    def factor(self) -> float:
        """Product of the factors; 1 without a Rescale."""
        return math.prod(rescale.factor for rescale in self.rescales)


def rescaled_inputs(topology: Topology, node: Node) -> tuple[RescaledValue, ...]:
    """Return what a node reads, input by input."""
    return tuple(_rescaled_value(topology, name) for name in node.inputs)


def is_passed_on(node: Node) -> bool:
    """Tell whether `rescaled_inputs` looks through a node."""
    return isinstance(node, Rescale | Flatten)


def _rescaled_value(topology: Topology, name: str) -> RescaledValue:
    rescales = []
    node = topology.by_name[name]
    while is_passed_on(node):
        if isinstance(node, Rescale):
            rescales.append(node)
        node = topology.by_name[node.inputs[0]]
    return RescaledValue(origin=node, rescales=tuple(rescales))
