"""Reading the weights of a user's own float model from a Keras HDF5 file, without running any of its code."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from search.models.topology import BatchNorm, Layer, Topology
from spaces.errors import SpecError

KERAS_FIELDS = {  # Keras' names of a layer's weights -> ours
    "kernel": "kernel",
    "depthwise_kernel": "kernel",
    "bias": "bias",
    "gamma": "gamma",
    "beta": "beta",
    "moving_mean": "mean",
    "moving_variance": "variance",
}

_NEUTRAL = {"bias": 0.0, "gamma": 1.0, "beta": 0.0}  # of what a model may do without

Weights = dict[str, NDArray[np.float32]]


def load_float_weights(path: Path, topology: Topology) -> Weights:
    """Return the weights of a float model of this topology.

    Layers are matched in order, kernels with kernels and normalizations with normalizations; names need not agree.
    A softmax at the end is of no consequence: only weights are read.

    Args:
        path: a Keras `.h5` model or weights file.
        topology: what the file is expected to hold.

    Raises:
        SpecError: the file cannot be read, its layers or shapes are not those of the topology, or a value is not
            finite.
    """
    if not path.is_file():
        raise SpecError(f"parent.file = {str(path)!r} does not exist; give the path of a Keras .h5 file.")
    try:
        with h5py.File(path, "r") as file:
            groups = _layer_groups(file.get("model_weights", file))
    except (OSError, KeyError) as error:
        raise SpecError(f"parent.file = {str(path)!r} is not a Keras .h5 file: {error}.") from None
    return match_weights(groups, topology, where=f"parent.file = {str(path)!r}")


def match_weights(groups: Sequence[Weights], topology: Topology, *, where: str) -> Weights:
    """Return the weights of a float model of this topology, layer by layer in the order of its file.

    Args:
        groups: for each layer of the file, field -> values; the fields are those that `KERAS_FIELDS` leads to.
        topology: what the file is expected to hold.
        where: names the file in errors.

    Raises:
        SpecError: layers or shapes are not those of the topology, or a value is not finite.
    """
    layers = [group for group in groups if "kernel" in group]
    norms = [group for group in groups if "mean" in group]
    expected_layers = [node.name for node in topology.nodes if isinstance(node, Layer)]
    expected_norms = [node.name for node in topology.nodes if isinstance(node, BatchNorm)]
    if len(layers) != len(expected_layers) or len(norms) != len(expected_norms):
        raise SpecError(
            f"{where} has {len(layers)} layers with kernels and {len(norms)} normalizations; "
            f"topology {topology.name!r} has {len(expected_layers)} and {len(expected_norms)}."
        )
    weights: Weights = {}
    for name, group in [*zip(expected_layers, layers, strict=True), *zip(expected_norms, norms, strict=True)]:
        weights.update({f"{name}/{field}": value for field, value in group.items()})
    _check_fields(weights, topology, where)
    return weights


def _layer_groups(root: Any) -> list[Weights]:
    """Return, for each layer in the file's order, field -> values."""
    groups = []
    for layer_name in root.attrs["layer_names"]:
        group = root[layer_name]
        fields: Weights = {}
        for weight_name in group.attrs["weight_names"]:
            text = weight_name.decode() if isinstance(weight_name, bytes) else weight_name
            field = text.rsplit("/", 1)[-1].split(":")[0]
            if field in KERAS_FIELDS:
                fields[KERAS_FIELDS[field]] = np.asarray(group[text], np.float32)
        groups.append(fields)
    return groups


def _expected_shapes(topology: Topology) -> Iterator[tuple[str, dict[str, tuple[int, ...]]]]:
    """Yield the name of every node with weights, and the shape of each of its fields."""
    for layer in topology.layers:
        yield layer.name, {"kernel": topology.kernel_shape(layer), "bias": topology.shapes[layer.name][-1:]}
    for node in topology.nodes:
        if isinstance(node, BatchNorm):
            channels = topology.shapes[node.name][-1:]
            yield node.name, dict.fromkeys(("gamma", "beta", "mean", "variance"), channels)


def _check_fields(weights: Weights, topology: Topology, where: str) -> None:
    """Check every field; give a bias, scale or offset that the model does without its neutral value."""
    for name, shapes in _expected_shapes(topology):
        for field, expected in shapes.items():
            key = f"{name}/{field}"
            if field in _NEUTRAL and key not in weights:
                weights[key] = np.full(expected, _NEUTRAL[field], np.float32)
            if key not in weights:
                raise SpecError(f"{where}: {name!r} gets no {field}; the topology needs one of shape {expected}.")
            values = weights[key]
            if values.shape != expected:
                raise SpecError(
                    f"{where}: the {field} for {name!r} has shape {values.shape}; the topology needs {expected}."
                )
            n_wrong = np.count_nonzero(~np.isfinite(values))
            if n_wrong:
                raise SpecError(
                    f"{where}: the {field} for {name!r} has {n_wrong} of {values.size} values that are not finite; "
                    "train the model again or give another file."
                )
