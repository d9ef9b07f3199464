"""A trained model as hls4ml reads it best: integer kernels, each with one scale and offset per channel behind it.

hls4ml has no rescaling layer and takes QKeras' power-of-two scales apart for some kinds of layers only. So kernels are
their own codes here, and everything that is a multiplication or an addition per channel (scale, bias, normalization,
the input's rescaling) is one BatchNormalization with mean 0 and variance 1.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.data.dataset import Inputs
from search.exporters.hls4ml_process import BINARY
from search.exporters.packing import folded_norm, layer_codes
from search.exporters.rescaling import is_passed_on, rescaled_inputs
from search.models.quantize import build_activation, build_integer_layer
from search.models.topology import (
    Add,
    BatchNorm,
    DepthwiseConv2D,
    Flatten,
    GlobalAveragePool,
    Input,
    Layer,
    Node,
    Relu,
    Rescale,
    Topology,
)
from search.models.trained_model import TrainedModel
from search.runtime import tf
from spaces.errors import ExportError
from spaces.layer_policy import WeightQuantizer

INPUT = "network_input"  # hls4ml keeps the name `input` for itself
_PARAMETER_BITS = 18  # of scales and offsets: the narrow side of a DSP block's multiplier
_MOST_INPUT_FRACTION = 16
_MEAN_FRACTION = 4  # further bits of a mean, whose number of values need not be a power of two
_EPSILON = 1e-3

Precisions = dict[str, dict[str, str]]  # layer -> variable -> hls4ml's name of a type


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hls4mlModel:
    """What is handed to hls4ml.

    Attributes:
        keras: the model of QKeras and Keras layers.
        precisions: every type that hls4ml cannot work out from the types before it.
        weight_types: layer -> type that its kernel must get.
        input_factor: what the network's inputs are multiplied by before they are given to the project.
    """

    keras: Any
    precisions: Precisions
    weight_types: Mapping[str, str]
    input_factor: float


def build_hls4ml_model(model: TrainedModel, calibration: Inputs, input_range: tuple[float, float]) -> Hls4mlModel:
    """Return the model and the types of a project.

    Args:
        model: what is exported.
        calibration: inputs of the training split, for the grid that inputs lie on.  # [n, ...]
        input_range: of the inputs.

    Raises:
        ExportError: a Rescale cannot be left to the inputs, or a node reads values that have no type.
    """
    builder = _Builder(model, calibration, input_range)
    for node in model.topology.nodes:
        builder.add(node)
    topology, factor = model.topology, builder.input_factor
    keras = tf.keras.Model(builder.tensors[topology.nodes[0].name], builder.tensors[topology.nodes[-1].name])
    builder.load()
    return Hls4mlModel(
        keras=keras,
        precisions=builder.precisions,
        weight_types={layer.name: _weight_type(model, layer) for layer in topology.layers},
        input_factor=factor,
    )


def _input_factor(topology: Topology) -> float:
    """Return what the inputs are multiplied by instead of the network.

    Raises:
        ExportError: a Rescale multiplies something else, or the inputs by different factors for different nodes.
    """
    factor_of: dict[str, float] = {}  # node that reads the inputs -> its factor
    for node in topology.nodes:
        for value in () if is_passed_on(node) else rescaled_inputs(topology, node):
            if isinstance(value.origin, Input):
                factor_of[node.name] = value.factor
            elif value.rescales:
                raise ExportError(
                    f"hls4ml: node {value.rescales[0].name!r} rescales what {value.origin.name!r} gives, but hls4ml "
                    "has no such layer, so a Rescale must become part of the inputs. Put it directly after the Input, "
                    "or leave hls4ml out."
                )
    if len(set(factor_of.values())) > 1:
        factors = ", ".join(f"{name!r} times {factor:g}" for name, factor in factor_of.items())
        raise ExportError(
            f"hls4ml: the network's inputs are read {factors}, but a Rescale becomes part of the inputs, which all of "
            "them read. Let one Rescale after the Input serve them all, or leave hls4ml out."
        )
    return next(iter(factor_of.values()))


class _Builder:
    """Keras layers, the values that they get when all of them exist, and their types."""

    def __init__(self, model: TrainedModel, calibration: Inputs, input_range: tuple[float, float]) -> None:
        self._model = model
        self._topology = model.topology
        self._values: list[tuple[Any, list[NDArray[np.float32]]]] = []
        self._types: dict[str, _Type] = {}  # node -> type of what is quantized there
        self.tensors: dict[str, Any] = {}
        self.precisions: Precisions = {}
        self.input_factor = _input_factor(model.topology)
        self._input_type = _input_type(calibration * np.float32(self.input_factor), input_range, self.input_factor)

    def add(self, node: Node) -> None:
        """Append the layers of a node."""
        sources = [self.tensors[name] for name in node.inputs]
        match node:
            case Input():
                self.tensors[node.name] = tf.keras.Input(node.shape, name=INPUT)
                self._types[node.name] = self._input_type
                self.precisions[INPUT] = {"result": str(self._input_type)}
            case Rescale() | BatchNorm():  # in the inputs, and in the channel scales
                self.tensors[node.name] = sources[0]
                self._copy_type(node)
            case Relu():
                bits = self._model.candidate.policies[self._topology.activation_owner[node.name]].activation_bits or 0
                integer = self._model.integer_bits[node.name][bits]
                self.tensors[node.name] = build_activation(node, bits=bits, integer=integer)(sources[0])
                self._types[node.name] = _Type(width=bits, integer=integer, signed=False)
                self.precisions[node.name] = {"result": f"ufixed<{bits},{integer},RND_CONV,SAT,0>"}
            case Add():
                self.tensors[node.name] = tf.keras.layers.Add(name=node.name)(sources)
            case GlobalAveragePool():
                self.tensors[node.name] = tf.keras.layers.GlobalAveragePooling2D(name=node.name)(sources[0])
                self._pool_types(node)
            case Flatten():
                self.tensors[node.name] = tf.keras.layers.Flatten(name=node.name)(sources[0])
                self._copy_type(node)
            case _:
                self._add_layer(node, sources[0])

    def load(self) -> None:
        """Give the layers their values."""
        for layer, values in self._values:
            layer.set_weights(values)

    def _add_layer(self, node: Any, source: Any) -> None:
        codes, exponents = layer_codes(self._model, node)
        multiplier, bias = folded_norm(self._model, node)
        scale = np.exp2(exponents.astype(np.float64)) * multiplier
        integer = build_integer_layer(node, self._model.candidate.policies[node.name])
        channels = tf.keras.layers.BatchNormalization(epsilon=_EPSILON, name=f"{node.name}_channels")
        self.tensors[node.name] = channels(integer(source))
        ones = np.ones(len(bias), np.float32)
        self._values.append((integer, [codes.astype(np.float32)]))
        scales = [scale.astype(np.float32), bias.astype(np.float32)]
        self._values.append((channels, [*scales, 0 * ones, ones - np.float32(_EPSILON)]))
        self._layer_types(node)
        self.precisions[channels.name] = {"scale": _fixed(scale), "bias": _fixed(bias)}

    def _copy_type(self, node: Node) -> None:
        if node.inputs[0] in self._types:
            self._types[node.name] = self._types[node.inputs[0]]

    def _layer_types(self, node: Layer) -> None:
        """Give a layer types in which no sum of its products overflows or is rounded."""
        given = self._type_into(node)
        fan_in = math.prod(self._topology.kernel_shape(node)[: 2 if isinstance(node, DepthwiseConv2D) else -1])
        growth = max(self._model.candidate.policies[node.name].weight_bits, 2) + _bits_for(fan_in) + 1
        total = _Type(width=given.width + growth, integer=given.integer + growth, signed=True)
        # hls4ml puts a linear activation behind a layer, and drops it again where it has the layer's type.
        self.precisions[f"{node.name}_linear"] = {"result": str(total)}
        # It has no bias; hls4ml writes zeros.
        self.precisions[node.name] = {"accum": str(total), "result": str(total), "bias": "fixed<2,2>"}
        kind = _weight_type(self._model, node)
        if kind != BINARY:  # which hls4ml takes from the quantizer alone
            self.precisions[node.name]["weight"] = kind

    def _pool_types(self, node: GlobalAveragePool) -> None:
        """Give a pooling a type for the sum over height and width, and one for the mean with further fraction bits."""
        height, width, _ = self._topology.shapes[node.inputs[0]]
        given, growth = self._type_into(node), _bits_for(height * width)
        total = replace(given, width=given.width + growth, integer=given.integer + growth)
        mean = self._types[node.name] = replace(given, width=given.width + growth + _MEAN_FRACTION)
        self.precisions[node.name] = {"accum": str(total), "result": f"{str(mean).rstrip('>')},RND,SAT,0>"}

    def _type_into(self, node: Node) -> "_Type":
        known = self._types.get(node.inputs[0])
        if known is None:
            raise ExportError(
                f"hls4ml: node {node.name!r} reads {node.inputs[0]!r}, whose values are not quantized, so it has no "
                "type. Put a Relu between them, or leave hls4ml out."
            )
        return known


@dataclass(frozen=True, slots=True, kw_only=True)
class _Type:
    """A fixed-point type: `width` bits in all, `integer` of them before the point, the sign among them."""

    width: int
    integer: int
    signed: bool

    def __str__(self) -> str:
        return f"{'' if self.signed else 'u'}fixed<{self.width},{self.integer}>"


def _bits_for(count: int) -> int:
    """Return by how many bits a sum of so many values can be wider than one of them."""
    return math.ceil(math.log2(count))


def _weight_type(model: TrainedModel, layer: Layer) -> str:
    policy = model.candidate.policies[layer.name]
    match policy.weight_quantizer:
        case WeightQuantizer.BINARY:
            return "int<2>" if isinstance(layer, DepthwiseConv2D) else BINARY
        case WeightQuantizer.TERNARY:
            return "int<2>"
        case WeightQuantizer.QUANTIZED_BITS:
            return f"fixed<{policy.weight_bits},{policy.weight_bits}>"


def _fixed(values: NDArray[np.floating[Any]]) -> str:
    """Return the signed type that holds the largest value and has the finest step."""
    largest = float(np.abs(values).max())
    integer = (math.floor(math.log2(largest)) + 2) if largest > 0 else 1
    return f"fixed<{_PARAMETER_BITS},{integer},RND,SAT,0>"


def _input_type(values: NDArray[np.float32], input_range: tuple[float, float], factor: float) -> _Type:
    """Return the type with as many fraction bits as the grid has that the inputs lie on, 16 where they lie on none."""
    fraction = 0
    while fraction < _MOST_INPUT_FRACTION and np.any(values * 2**fraction % 1):
        fraction += 1
    low, high = (bound * factor for bound in input_range)
    signed = low < 0
    integer = math.floor(math.log2(max(abs(low), abs(high)))) + 1 + signed
    return _Type(width=integer + fraction, integer=integer, signed=signed)
