"""The one door to QKeras: a topology and a candidate become a model of plain QKeras layers, with weights."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Before QKeras, which imports TensorFlow itself and would meet Keras 3.
from search.runtime import tf

# isort: split
import qkeras

from search.models.batch_norm import NORM_EPSILON
from search.models.keras_file import check_classes
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
from spaces.candidate import Candidate
from spaces.layer_policy import LayerPolicy, WeightQuantizer

IntegerBits = Mapping[str, Mapping[int, int]]  # activation node -> activation bits -> integer bits

_WEIGHT_ORDER = {
    BatchNorm: ("gamma", "beta", "mean", "variance"),
    Conv2D: ("kernel", "bias"),
    DepthwiseConv2D: ("kernel", "bias"),
    Dense: ("kernel", "bias"),
}

_QUANTIZERS: dict[WeightQuantizer, Callable[[int], Any]] = {
    WeightQuantizer.BINARY: lambda _: qkeras.binary(alpha="auto_po2"),
    WeightQuantizer.TERNARY: lambda _: qkeras.ternary(alpha="auto_po2"),
    WeightQuantizer.QUANTIZED_BITS: lambda bits: qkeras.quantized_bits(bits, 0, 1, alpha="auto_po2"),
}


def kernel_quantizer(policy: LayerPolicy) -> Any:
    """Return the QKeras quantizer of a policy's kernel."""
    return _QUANTIZERS[policy.weight_quantizer](policy.weight_bits)


def build_qkeras(
    topology: Topology,
    candidate: Candidate,
    *,
    integer_bits: IntegerBits,
    weights: Mapping[str, NDArray[np.float32]],
) -> Any:
    """Return a Keras model of QKeras layers that gives the same logits as the trained network.

    Args:
        topology: the structure; layers keep their names.
        candidate: the bits.
        integer_bits: of every activation, from calibration.
        weights: `Network.weights` after training.
    """
    owner = topology.activation_owner
    tensors: dict[str, Any] = {}
    for node in topology.nodes:
        sources = [tensors[name] for name in node.inputs]
        if isinstance(node, Input):
            tensors[node.name] = tf.keras.Input(node.shape, name=node.name)
        elif isinstance(node, Layer):
            quantizer = kernel_quantizer(candidate.policies[node.name])
            tensors[node.name] = _quantized_layer(node, quantizer)(sources[0])
        elif isinstance(node, Relu):
            bits = candidate.policies[owner[node.name]].activation_bits or 0
            activation = build_activation(node, bits=bits, integer=integer_bits[node.name][bits])
            tensors[node.name] = activation(sources[0])
        else:
            layer = _PLAIN_LAYERS[type(node)](node)
            tensors[node.name] = layer(sources if len(sources) > 1 else sources[0])
    model = tf.keras.Model(tensors[topology.nodes[0].name], tensors[topology.nodes[-1].name], name=topology.name)
    for node in topology.nodes:
        if type(node) in _WEIGHT_ORDER:
            fields = _WEIGHT_ORDER[type(node)]
            model.get_layer(node.name).set_weights([weights[f"{node.name}/{field}"] for field in fields])
    return model


def load_qkeras(path: Path) -> Any:
    """Load an `.h5` model of QKeras layers.

    Raises:
        ArtifactError: the file holds a class that this service does not write.
    """
    check_classes(path)
    return qkeras.utils.load_qmodel(str(path), compile=False)


def build_integer_layer(node: Layer, policy: LayerPolicy) -> Any:
    """Return a QKeras layer without bias whose kernel is its own codes, quantized at the policy's width and scale 1."""
    bits = policy.weight_bits
    match policy.weight_quantizer:
        case WeightQuantizer.BINARY:
            quantizer = qkeras.binary(alpha=1)
        case WeightQuantizer.TERNARY:
            quantizer = qkeras.ternary(alpha=1)
        case WeightQuantizer.QUANTIZED_BITS:
            quantizer = qkeras.quantized_bits(bits, bits - 1, 1, alpha=1)
    return _quantized_layer(node, quantizer, use_bias=False)


def build_activation(node: Relu, *, bits: int, integer: int) -> Any:
    """Return the QKeras layer of a quantized activation."""
    return qkeras.QActivation(f"quantized_relu({bits},{integer})", name=node.name)


def _quantized_layer(node: Layer, quantizer: Any, *, use_bias: bool = True) -> Any:
    # Its weights are set by the caller: QKeras' own initial ones are drawn twice, about which Keras warns.
    match node:
        case Conv2D():
            return qkeras.QConv2D(
                node.filters,
                node.kernel_size,
                strides=node.strides,
                padding=node.padding,
                kernel_quantizer=quantizer,
                kernel_initializer="zeros",
                use_bias=use_bias,
                name=node.name,
            )
        case DepthwiseConv2D():
            return qkeras.QDepthwiseConv2D(
                node.kernel_size,
                strides=node.strides,
                padding=node.padding,
                depthwise_quantizer=quantizer,
                depthwise_initializer="zeros",
                use_bias=use_bias,
                name=node.name,
            )
        case Dense():
            return qkeras.QDense(
                node.units,
                kernel_quantizer=quantizer,
                kernel_initializer="zeros",
                use_bias=use_bias,
                name=node.name,
            )


_PLAIN_LAYERS: dict[type[Node], Callable[[Any], Any]] = {
    Rescale: lambda node: tf.keras.layers.Rescaling(node.factor, name=node.name),
    BatchNorm: lambda node: tf.keras.layers.BatchNormalization(epsilon=NORM_EPSILON, name=node.name),
    Add: lambda node: tf.keras.layers.Add(name=node.name),
    GlobalAveragePool: lambda node: tf.keras.layers.GlobalAveragePooling2D(name=node.name),
    Flatten: lambda node: tf.keras.layers.Flatten(name=node.name),
}
