"""The table of network families; a new one is a file here and a line in `TOPOLOGIES`."""

from collections.abc import Callable, Mapping
from itertools import product, zip_longest
from typing import Protocol

from search.data.import_path import import_function
from search.models.topologies import digits_cnn, dscnn, resnet8
from search.models.topology import Shape, Topology
from spaces.errors import SpecError
from spaces.search_space import LayerSlot
from spaces.study_spec import TopologySpec


class BuildTopology(Protocol):
    """Makes a topology for a data set's input shape and number of classes."""

    def __call__(self, *, input_shape: Shape, n_classes: int, width: float) -> Topology:
        """Return the topology at a width multiplier."""
        ...


TOPOLOGIES: dict[str, BuildTopology] = {
    "resnet8": resnet8.build,
    "digits_cnn": digits_cnn.build,
    "dscnn": dscnn.build,
}


def make_topology(spec: TopologySpec, *, input_shape: Shape, n_classes: int, choices: Mapping[str, float]) -> Topology:
    """Return the topology that a specification names.

    Args:
        spec: a family of the service, or the user's own builder by import path.
        input_shape, n_classes: of the data.
        choices: the candidate's topology choices.

    Raises:
        SpecError: unknown family, a builder that cannot be imported, one that returns something else, or a topology
            for other inputs or another number of classes than the data's.
    """
    topology = _find_builder(spec)(input_shape=input_shape, n_classes=n_classes, **choices)
    where = _key(spec)
    if not isinstance(topology, Topology):
        raise SpecError(f"{where} must return a search.models.topology.Topology; got {type(topology).__name__}.")
    if tuple(topology.input_shape) != tuple(input_shape):
        raise SpecError(
            f"{where}: topology {topology.name!r} takes inputs of shape {topology.input_shape}, but those of the data "
            f"have {tuple(input_shape)}. Build it with the input_shape that the builder is given."
        )
    if topology.n_classes != n_classes:
        raise SpecError(
            f"{where}: topology {topology.name!r} gives {topology.n_classes} logits, but the data have {n_classes} "
            "classes. Give its last layer the n_classes that the builder is given as units."
        )
    return topology


def make_all_topologies(spec: TopologySpec, *, input_shape: Shape, n_classes: int) -> list[Topology]:
    """Return the topology at every combination of topology choices, in the order of `spec.choices()`.

    Raises:
        SpecError: as in `make_topology`, or two of them differ in their layer slots, so that they have no search space
            in common.
    """
    choices = spec.choices()
    combinations = [dict(zip(choices, values, strict=True)) for values in product(*choices.values())]
    topologies = [
        make_topology(spec, input_shape=input_shape, n_classes=n_classes, choices=combination)
        for combination in combinations
    ]
    for combination, topology in zip(combinations[1:], topologies[1:], strict=True):
        for first, other in zip_longest(topologies[0].slots, topology.slots):
            if first != other:
                raise SpecError(
                    f"{_key(spec)}: every width must give the same layers, because one parameter decides on a layer at "
                    f"all widths; {_values(combinations[0])} has {_describe(first)} where {_values(combination)} has "
                    f"{_describe(other)}. Let the width change numbers of filters only."
                )
    return topologies


def _find_builder(spec: TopologySpec) -> Callable[..., object]:
    if spec.builder is not None:
        return import_function(spec.builder, key="topology.builder")
    if spec.name not in TOPOLOGIES:
        raise SpecError(f"topology.name = {spec.name!r}: no such topology; known: {', '.join(TOPOLOGIES)}.")
    return TOPOLOGIES[spec.name]


def _key(spec: TopologySpec) -> str:
    return f"topology.name = {spec.name!r}" if spec.builder is None else f"topology.builder = {spec.builder!r}"


def _describe(slot: LayerSlot | None) -> str:
    if slot is None:
        return "no further layer"
    activation = "a Relu" if slot.has_activation else "no Relu"
    term = "a Jacobian term" if slot.has_jacobian_term else "no Jacobian term"
    return f"{slot.name!r} with {activation} and {term} of its own"


def _values(choices: Mapping[str, float]) -> str:
    return ", ".join(f"{name} = {value:g}" for name, value in choices.items())
