"""A network's structure as plain values: nodes in order, with names, shapes and the layers that the search decides on.

Knows nothing of TensorFlow, weights or bits; everything that builds, exports or counts a network reads it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from spaces.errors import SpecError
from spaces.layer_policy import LayerKind
from spaces.search_space import LayerSlot

Shape = tuple[int, ...]  # without the batch axis: [height, width, channels] or [features]


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One operation; `inputs` are the names of earlier nodes."""

    name: str
    inputs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Input(Node):
    """The network's input in the study's input units."""

    shape: Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescale(Node):
    """Multiplies by a constant: the network's own rescaling of its input."""

    factor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Conv2D(Node):
    """Convolution with a bias; kernel [kernel_h, kernel_w, in, filters]."""

    filters: int
    kernel_size: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    padding: str = "same"


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthwiseConv2D(Node):
    """Depthwise convolution with a bias, multiplier 1; kernel [kernel_h, kernel_w, in, 1]."""

    kernel_size: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    padding: str = "same"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dense(Node):
    """Fully connected layer with a bias; kernel [in, units]."""

    units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchNorm(Node):
    """Batch normalization over the last axis, directly after a layer; folded into per-channel scales on export."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relu(Node):
    """The activation that is quantized; its bits belong to the layer that `Topology.activation_owner` finds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Add(Node):
    """Residual addition; the first input is the main branch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalAveragePool(Node):
    """Mean over height and width: [h, w, c] -> [c]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flatten(Node):
    """[h, w, c] -> [h * w * c]."""


Layer = Conv2D | DepthwiseConv2D | Dense

_KINDS: dict[type[Layer], LayerKind] = {
    Conv2D: LayerKind.CONV2D,
    DepthwiseConv2D: LayerKind.DEPTHWISE_CONV2D,
    Dense: LayerKind.DENSE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerGeometry:
    """What size and cost arithmetic needs to know of a quantizable layer.

    Attributes:
        n_weights: kernel elements.
        n_channels: output channels, each with a bias and a scale.
        has_norm: whether batch normalization is folded into the layer's per-channel scales.
        macs: multiply-accumulates of one inference.
        input_owner: the layer whose activation bits the layer's input has; None for the network's input.
    """

    name: str
    n_weights: int
    n_channels: int
    has_norm: bool
    macs: int
    input_owner: str | None


@dataclass(frozen=True)
class Topology:
    """A network's structure: `nodes` in topological order, the last one gives the logits [n_classes]."""

    name: str
    nodes: tuple[Node, ...]

    @cached_property
    def by_name(self) -> dict[str, Node]:
        """Node name -> node."""
        return {node.name: node for node in self.nodes}

    @cached_property
    def shapes(self) -> dict[str, Shape]:
        """Node name -> shape of its output, without the batch axis."""
        shapes: dict[str, Shape] = {}
        for node in self.nodes:
            shapes[node.name] = output_shape(node, [shapes[name] for name in node.inputs])
        return shapes

    @property
    def input_shape(self) -> Shape:
        """Shape of the network's input."""
        return self.shapes[self.nodes[0].name]

    @property
    def n_classes(self) -> int:
        """Number of logits."""
        return self.shapes[self.nodes[-1].name][0]

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """The quantizable layers in order."""
        return tuple(node for node in self.nodes if isinstance(node, Layer))

    def kernel_shape(self, layer: Layer) -> Shape:
        """Return the shape of a layer's kernel."""
        source = self.shapes[layer.inputs[0]]
        match layer:
            case Conv2D():
                return (*layer.kernel_size, source[-1], layer.filters)
            case DepthwiseConv2D():
                return (*layer.kernel_size, source[-1], 1)
            case Dense():
                return (source[-1], layer.units)

    @cached_property
    def taps(self) -> dict[str, str]:
        """Layer name -> node whose output is the activation a_l that enters it; the input itself for the first."""
        return {layer.name: self._before_rescale(layer.inputs[0]) for layer in self.layers}

    @cached_property
    def tap_owner(self) -> dict[str, str]:
        """Tap node -> the first layer that reads it, which owns the tap's Jacobian term."""
        owners: dict[str, str] = {}
        for layer, tap in self.taps.items():
            owners.setdefault(tap, layer)
        return owners

    @cached_property
    def activation_owner(self) -> dict[str, str]:
        """Activation node -> the layer whose activation bits it has (the main branch, through additions)."""
        return {node.name: self._main_layer(node) for node in self.nodes if isinstance(node, Relu)}

    @cached_property
    def slots(self) -> tuple[LayerSlot, ...]:
        """The layers as the search space sees them."""
        with_activation = set(self.activation_owner.values())
        return tuple(
            LayerSlot(
                name=layer.name,
                has_activation=layer.name in with_activation,
                has_jacobian_term=self.tap_owner[self.taps[layer.name]] == layer.name,
                kind=_KINDS[type(layer)],
            )
            for layer in self.layers
        )

    @cached_property
    def norm_of(self) -> dict[str, str]:
        """Layer name -> batch normalization node that follows it, where one does."""
        names = {layer.name for layer in self.layers}
        return {
            node.inputs[0]: node.name for node in self.nodes if isinstance(node, BatchNorm) and node.inputs[0] in names
        }

    @cached_property
    def geometry(self) -> tuple[LayerGeometry, ...]:
        """Sizes and costs of the quantizable layers, in order."""
        return tuple(self._geometry(layer) for layer in self.layers)

    @property
    def n_parameters(self) -> int:
        """Numbers in the float network: kernels, biases and four per normalized channel."""
        kernels = sum(layer.n_weights + layer.n_channels for layer in self.geometry)
        return kernels + sum(4 * self.shapes[node.name][-1] for node in self.nodes if isinstance(node, BatchNorm))

    def _geometry(self, layer: Layer) -> LayerGeometry:
        n_weights = math.prod(self.kernel_shape(layer))
        output = self.shapes[layer.name]
        return LayerGeometry(
            name=layer.name,
            n_weights=n_weights,
            n_channels=output[-1],
            has_norm=layer.name in self.norm_of,
            macs=n_weights * math.prod(output[:-1]),
            input_owner=self._input_owner(layer.inputs[0]),
        )

    def _input_owner(self, name: str) -> str | None:
        node = self.by_name[name]
        while not isinstance(node, Input | Relu):
            node = self.by_name[node.inputs[0]]
        return self.activation_owner.get(node.name)

    def _before_rescale(self, name: str) -> str:
        node = self.by_name[name]
        return self._before_rescale(node.inputs[0]) if isinstance(node, Rescale) else name

    def _main_layer(self, activation: Relu) -> str:
        node = self.by_name[activation.inputs[0]]
        while not isinstance(node, Layer):
            if isinstance(node, Input):
                raise SpecError(
                    f"topology {self.name!r}, node {activation.name!r}: no layer stands before this Relu, so none owns "
                    "its activation bits. Put it after a layer."
                )
            node = self.by_name[node.inputs[0]]
        return node.name


def output_shape(node: Node, inputs: Sequence[Shape]) -> Shape:
    """Return the shape of a node's output from those of its inputs, which `TopologyBuilder.build` has checked."""
    match node:
        case Input():
            return node.shape
        case Conv2D():
            return (*_convolved(inputs[0], node.kernel_size, node.strides, node.padding), node.filters)
        case DepthwiseConv2D():
            return (*_convolved(inputs[0], node.kernel_size, node.strides, node.padding), inputs[0][-1])
        case Dense():
            return (node.units,)
        case GlobalAveragePool():
            return (inputs[0][-1],)
        case Flatten():
            return (math.prod(inputs[0]),)
        case _:
            return inputs[0]


def _convolved(shape: Shape, kernel: tuple[int, int], strides: tuple[int, int], padding: str) -> tuple[int, int]:
    if padding == "same":
        height, width = (-(-size // stride) for size, stride in zip(shape[:2], strides, strict=True))
    else:
        height, width = (
            (size - window) // stride + 1 for size, window, stride in zip(shape[:2], kernel, strides, strict=True)
        )
    return height, width
