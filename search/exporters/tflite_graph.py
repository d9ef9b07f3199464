"""A trained model as a graph that TensorFlow Lite's converter turns into int8 operations on the trained grids.

Every kernel is stored as its own codes: the fake quantization of channel c has the scale |multiplier_c| * 2^exponent_c.
An activation of `bits` bits and step s is an int8 tensor with scale s and zero point -128, cut at (2^bits - 1) * s, so
a convolution's requantization is the trained rounding. What was never quantized in training (the branches of an
addition, the mean, the logits) gets the range that it has on the calibration examples.

Measured against the other way, a float graph with quantized kernels and ranges from calibration alone: the trained
ResNet-8's answer on 98.1% of 1,000 CIFAR-10 test images instead of 95.5% (its knee), 98.1% instead of 93.8% (its
smallest model).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.data.dataset import Inputs
from search.exporters.packing import folded_norm, layer_codes
from search.exporters.rescaling import is_passed_on, rescaled_inputs
from search.exporters.tflite_converter import to_int8
from search.models.network import Mode, Network
from search.models.quantizers import relu_range
from search.models.topology import (
    Add,
    BatchNorm,
    Conv2D,
    Dense,
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

Tensor = Any
Range = tuple[float, float]

_TOP_CODE = 127  # of an int8 kernel, which is symmetric
_LEVELS = 255
_SMALLEST_SCALE = 1e-30  # of a channel that normalization has switched off


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _FoldedKernel:
    """A layer's kernel with its normalization, the rescalings before it and the signs folded in.

    Attributes:
        values: the kernel; dense kernels as 1x1 convolutions, whose channels may have scales of their own.
        scale: per output channel; values / scale are the codes.  # [out]
        bias: per output channel.  # [out]
    """

    values: NDArray[np.float32]
    scale: NDArray[np.float32]
    bias: NDArray[np.float32]


def convert(model: TrainedModel, *, calibration: Inputs, input_range: Range) -> bytes:
    """Return the model as a `.tflite` file with int8 input and output.

    Args:
        model: what is converted.
        calibration: inputs of the training split.  # [n, ...]
        input_range: of the inputs.

    Raises:
        ExportError: a Rescale stands where it cannot be folded into a kernel.
    """
    _check_rescales(model.topology)
    graph = _Graph(model, ranges=_calibrated_ranges(model, calibration), input_range=input_range)
    return to_int8(graph.function, graph.module, calibration=calibration)


def _check_rescales(topology: Topology) -> None:
    """Refuse rescaled values that anything but a layer reads: only a layer has a kernel for the factor."""
    for node in topology.nodes:
        if isinstance(node, Layer) or is_passed_on(node):
            continue
        for value in rescaled_inputs(topology, node):
            if value.rescales:
                raise ExportError(
                    f"tflite: node {node.name!r} of type {type(node).__name__} reads what {value.rescales[0].name!r} "
                    "rescales, but a Rescale becomes part of the kernel of the layer behind it. Put it directly before "
                    "a Conv2D, DepthwiseConv2D or Dense, or leave tflite out."
                )


def _calibrated_ranges(model: TrainedModel, calibration: Inputs) -> dict[str, Range]:
    """Return node -> smallest and largest value on the calibration examples, 0 among them."""
    network = Network(model.topology)
    network.load_weights(model.weights)
    network.load_policies(model.candidate, model.integer_bits)
    outputs = network.forward(
        tf.constant(calibration), kernels=network.quantized_kernels(), mode=Mode.DEPLOYED, quantized=True
    ).outputs
    ranges = {}
    for name, values in outputs.items():
        low, high = min(float(tf.reduce_min(values)), 0.0), max(float(tf.reduce_max(values)), 0.0)
        ranges[name] = (low, high if high > low else low + 1.0)
    return ranges


class _Graph:
    """The function that is converted; kernels are computed once, before it is traced."""

    def __init__(self, model: TrainedModel, *, ranges: Mapping[str, Range], input_range: Range) -> None:
        self._model = model
        self._topology: Topology = model.topology
        self._ranges = ranges
        low, high = input_range
        self._input_range = (min(low, 0.0), max(high, 0.0))
        self._kernels = {layer.name: _fold(model, layer) for layer in self._topology.layers}
        self._ends = _unquantized_ends(self._topology)
        self.module = tf.Module()
        signature = [tf.TensorSpec([1, *self._topology.input_shape], tf.float32)]
        self.function = tf.function(self._forward, input_signature=signature, autograph=False)

    def _forward(self, x: Tensor) -> Tensor:
        outputs: dict[str, Tensor] = {}
        for node in self._topology.nodes:
            sources = [outputs[name] for name in node.inputs]
            value = self._apply(node, x, sources)
            if node.name in self._ends:
                value = _fake_quantized(value, self._ranges[node.name])
            outputs[node.name] = value
        return outputs[self._topology.nodes[-1].name]

    def _apply(self, node: Node, x: Tensor, sources: list[Tensor]) -> Tensor:
        match node:
            case Input():
                return _fake_quantized(x, self._input_range)
            case Conv2D() | DepthwiseConv2D() | Dense():
                return self._layer(node, sources[0])
            case Rescale() | BatchNorm():  # folded into kernels
                return sources[0]
            case Relu():
                return self._relu(node, sources[0])
            case Add():
                return sources[0] + sources[1]
            case GlobalAveragePool():
                return tf.reduce_mean(sources[0], axis=[1, 2])
            case Flatten():
                return tf.reshape(sources[0], [-1, int(np.prod(sources[0].shape[1:]))])
            case _:
                raise TypeError(f"no TensorFlow Lite operation for {type(node).__name__}")

    def _layer(self, layer: Layer, x: Tensor) -> Tensor:
        folded = self._kernels[layer.name]
        values = folded.values[..., 0] if isinstance(layer, DepthwiseConv2D) else folded.values
        limit = _TOP_CODE * folded.scale
        kernel = tf.quantization.fake_quant_with_min_max_vars_per_channel(values, -limit, limit, narrow_range=True)
        match layer:
            case Conv2D():
                product = tf.nn.conv2d(x, kernel, layer.strides, layer.padding.upper())
            case DepthwiseConv2D():
                kernel = tf.reshape(kernel, folded.values.shape)
                product = tf.nn.depthwise_conv2d(x, kernel, (1, *layer.strides, 1), layer.padding.upper())
            case Dense():
                product = tf.nn.conv2d(tf.reshape(x, [-1, 1, 1, x.shape[-1]]), kernel, (1, 1), "VALID")
                return tf.reshape(product + folded.bias, [-1, layer.units])
        return product + folded.bias

    def _relu(self, node: Relu, x: Tensor) -> Tensor:
        bits = self._model.candidate.policies[self._topology.activation_owner[node.name]].activation_bits or 0
        step, limit = map(float, relu_range(bits, self._model.integer_bits[node.name][bits]))
        grid = (0.0, _LEVELS * step)
        value = _fake_quantized(tf.nn.relu(x), grid)
        return value if limit >= grid[1] else _fake_quantized(tf.minimum(value, limit), grid)


def _fold(model: TrainedModel, layer: Layer) -> _FoldedKernel:
    codes, exponents = layer_codes(model, layer)
    multiplier, bias = folded_norm(model, layer)
    (source,) = rescaled_inputs(model.topology, layer)
    signed = np.exp2(exponents.astype(np.float64)) * multiplier * source.factor
    scale = np.maximum(np.abs(signed), _SMALLEST_SCALE).astype(np.float32)
    per_channel = np.where(signed < 0, -scale, scale)
    values = codes * (per_channel[:, None] if isinstance(layer, DepthwiseConv2D) else per_channel)
    if isinstance(layer, Dense):
        values = values[None, None]
    return _FoldedKernel(values=values.astype(np.float32), scale=scale, bias=bias.astype(np.float32))


def _unquantized_ends(topology: Topology) -> set[str]:
    """Return the nodes whose values training never quantized, where the arithmetic of floats ends in int8."""
    joined = {name for node in topology.nodes if isinstance(node, Add) for name in node.inputs}
    means = {node.name for node in topology.nodes if isinstance(node, GlobalAveragePool)}
    already = {node.name for node in topology.nodes if isinstance(node, Relu | Input)}
    return (joined | means | {topology.nodes[-1].name}) - already


def _fake_quantized(x: Tensor, limits: Range) -> Tensor:
    return tf.quantization.fake_quant_with_min_max_vars(x, *limits)
