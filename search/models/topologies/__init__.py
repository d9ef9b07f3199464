"""The table of network families; a new one is a file here and a line in `TOPOLOGIES`."""

from collections.abc import Mapping
from typing import Protocol

from search.data.import_path import import_function
from search.models.topologies import digits_cnn, resnet8
from search.models.topology import Shape, Topology
from spaces.errors import SpecError
from spaces.study_spec import TopologySpec


class BuildTopology(Protocol):
    """Makes a topology for a data set's input shape and number of classes."""

    def __call__(self, *, input_shape: Shape, n_classes: int, width: float) -> Topology:
        """Return the topology at a width multiplier."""
        ...


TOPOLOGIES: dict[str, BuildTopology] = {
    "resnet8": resnet8.build,
    "digits_cnn": digits_cnn.build,
}


def make_topology(spec: TopologySpec, *, input_shape: Shape, n_classes: int, choices: Mapping[str, float]) -> Topology:
    """Return the topology that a specification names.

    Args:
        spec: a family of the service, or the user's own builder by import path.
        input_shape, n_classes: of the data.
        choices: the candidate's topology choices.

    Raises:
        SpecError: unknown family, a builder that cannot be imported, or one that returns something else.
    """
    if spec.builder is not None:
        topology = import_function(spec.builder, key="topology.builder")(
            input_shape=input_shape, n_classes=n_classes, **choices
        )
        if not isinstance(topology, Topology):
            raise SpecError(
                f"topology.builder = {spec.builder!r} must return a search.models.topology.Topology; "
                f"got {type(topology).__name__}."
            )
        return topology
    if spec.name not in TOPOLOGIES:
        raise SpecError(f"topology.name = {spec.name!r}: no such topology; known: {', '.join(TOPOLOGIES)}.")
    return TOPOLOGIES[spec.name](input_shape=input_shape, n_classes=n_classes, **choices)
