"""Writing a topology node by node, for the families of the service and for a user's own."""

from search.models.topology import (
    BatchNorm,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Input,
    Node,
    Relu,
    Shape,
    Topology,
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
            SpecError: shapes do not fit, or the last node is not a dense layer.
        """
        topology = Topology(name=self._name, nodes=tuple(self._nodes))
        if not isinstance(self._nodes[-1], Dense):
            raise SpecError(f"topology {self._name!r} must end in a dense layer that gives the logits.")
        _ = topology.shapes, topology.activation_owner
        return topology
