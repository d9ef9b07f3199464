"""Writing a topology node by node, for the families of the service and for a user's own."""

from collections.abc import Mapping

from search.models.topology import (
    Add,
    BatchNorm,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    GlobalAveragePool,
    Input,
    Layer,
    Node,
    Relu,
    Shape,
    Topology,
    output_shape,
)
from spaces.errors import SpecError


class TopologyBuilder:
    """Collects nodes; every method returns the new node's name for the next call."""

    def __init__(self, name: str, input_shape: Shape) -> None:
        """Start with the input node."""
        self._name = name
        self._nodes: list[Node] = [Input(name="input", inputs=(), shape=input_shape)]

    @property
    def input(self) -> str:
        """The input node's name."""
        return self._nodes[0].name

    def add(self, node: Node) -> str:
        """Append a node whose inputs are already there.

        Raises:
            SpecError: the name is taken or an input is unknown.
        """
        known = {existing.name for existing in self._nodes}
        if node.name in known:
            raise SpecError(f"topology {self._name!r}: the name {node.name!r} is taken; node names must be distinct.")
        unknown = [name for name in node.inputs if name not in known]
        if unknown:
            raise SpecError(f"topology {self._name!r}: {node.name!r} reads {unknown}, which do not exist yet.")
        self._nodes.append(node)
        return node.name

    def norm_relu(self, source: str) -> str:
        """Append batch normalization and activation after a layer."""
        return self.relu(self.norm(source))

    def norm(self, source: str) -> str:
        """Append batch normalization after a layer."""
        return self.add(BatchNorm(name=f"{source}_norm", inputs=(source,)))

    def relu(self, source: str) -> str:
        """Append the activation that is quantized."""
        return self.add(Relu(name=f"{source}_relu", inputs=(source,)))

    def conv(
        self, source: str, name: str, *, filters: int, kernel_size: tuple[int, int], strides: tuple[int, int] = (1, 1)
    ) -> str:
        """Append a convolution with padding 'same'."""
        return self.add(Conv2D(name=name, inputs=(source,), filters=filters, kernel_size=kernel_size, strides=strides))

    def depthwise(
        self, source: str, name: str, *, kernel_size: tuple[int, int], strides: tuple[int, int] = (1, 1)
    ) -> str:
        """Append a depthwise convolution with padding 'same'."""
        return self.add(DepthwiseConv2D(name=name, inputs=(source,), kernel_size=kernel_size, strides=strides))

    def dense(self, source: str, name: str, *, units: int) -> str:
        """Append a fully connected layer."""
        return self.add(Dense(name=name, inputs=(source,), units=units))

    def build(self) -> Topology:
        """Return the topology; its last node gives the logits.

        Raises:
            SpecError: shapes do not fit, the last node is not a dense layer, a node is read by none, a normalization
                cannot be folded into a layer, or an activation's bits have no owner of their own.
        """
        topology = Topology(name=self._name, nodes=tuple(self._nodes))
        _check_shapes(topology)
        _check_end(topology)
        _check_norms(topology)
        _check_activations(topology)
        return topology


def _error(topology: Topology, node: Node, problem: str) -> SpecError:
    return SpecError(f"topology {topology.name!r}, node {node.name!r}: {problem}")


def _check_shapes(topology: Topology) -> None:
    shapes: dict[str, Shape] = {}
    for node in topology.nodes:
        _check_number_of_inputs(topology, node)
        _check_input_shapes(topology, node, {name: shapes[name] for name in node.inputs})
        shapes[node.name] = output_shape(node, [shapes[name] for name in node.inputs])


def _check_number_of_inputs(topology: Topology, node: Node) -> None:
    expected = 0 if isinstance(node, Input) else 2 if isinstance(node, Add) else 1
    if len(node.inputs) != expected:
        raise _error(
            topology,
            node,
            f"reads {list(node.inputs)}, but {type(node).__name__} has exactly {expected} "
            f"{'input' if expected == 1 else 'inputs'}. Give it that many; an Add joins two branches.",
        )


def _check_input_shapes(topology: Topology, node: Node, sources: Mapping[str, Shape]) -> None:
    given = " and ".join(f"{name!r} of shape {shape}" for name, shape in sources.items())
    ranks = {len(shape) for shape in sources.values()}
    match node:
        case Dense() if ranks != {1}:
            raise _error(
                topology,
                node,
                f"reads {given}, but a Dense layer needs a 1-D input. Put a GlobalAveragePool or a Flatten before it.",
            )
        case Conv2D() | DepthwiseConv2D() | GlobalAveragePool() if ranks != {3}:
            raise _error(
                topology,
                node,
                f"reads {given}, but {type(node).__name__} needs a 3-D input [height, width, channels]. "
                "Put it before what pools or flattens.",
            )
        case Add() if len(set(sources.values())) != 1:
            raise _error(
                topology,
                node,
                f"reads {given}, but both inputs of an Add have one shape. Give the shortcut a 1x1 convolution with "
                "the filters and strides of the main branch.",
            )


def _check_end(topology: Topology) -> None:
    last = topology.nodes[-1]
    if not isinstance(last, Dense):
        raise _error(
            topology,
            last,
            f"the last node is of type {type(last).__name__}, but the last one gives the logits and is a Dense layer. "
            "End with a Dense layer of n_classes units.",
        )
    read = {name for node in topology.nodes for name in node.inputs}
    for node in topology.nodes[:-1]:
        if node.name not in read:
            raise _error(
                topology,
                node,
                f"no node reads it, but every node except the last, {last.name!r}, leads to the logits. "
                "Connect it or leave it out.",
            )


def _check_norms(topology: Topology) -> None:
    for norm in topology.nodes:
        if not isinstance(norm, BatchNorm):
            continue
        source = topology.by_name[norm.inputs[0]]
        if not isinstance(source, Layer):
            raise _error(
                topology,
                norm,
                f"reads {source.name!r} of type {type(source).__name__}, but a BatchNorm is folded into the layer that "
                "it reads: a Conv2D, DepthwiseConv2D or Dense. Put it directly after one.",
            )
        others = [node.name for node in topology.nodes if node is not norm and source.name in node.inputs]
        if others:
            raise _error(
                topology,
                norm,
                f"is folded into the layer {source.name!r}, which {others} read too, but a folded layer has no output "
                f"of its own. Let them read {norm.name!r}.",
            )


def _check_activations(topology: Topology) -> None:
    activation_of: dict[str, str] = {}
    for name, layer in topology.activation_owner.items():
        earlier = activation_of.setdefault(layer, name)
        if earlier != name:
            raise _error(
                topology,
                topology.by_name[name],
                f"has the activation bits of layer {layer!r}, as {earlier!r} has, but a layer has one Relu. Share "
                "it, or let the first input of the Add between them be the branch whose layer has no Relu yet.",
            )
