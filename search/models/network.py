"""The trainable network of a topology: variables, the forward pass, and the backward pass that Jacobians take.

Bit widths and activation ranges are variables too, so one compiled graph serves every candidate of the topology.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.models.batch_norm import (
    NORM_EPSILON,
    BatchStatistics,
    normalize_batch,
    normalize_batch_plain,
    normalize_moving,
)
from search.models.quantizers import KernelCode, quantize_kernel, quantize_relu, relu_range, relu_slope
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
from search.runtime import tf
from spaces.candidate import Candidate

Tensor = Any
Weights = dict[str, NDArray[np.float32]]  # "<node>/<kernel|bias|gamma|beta|mean|variance>" -> values

_NORM_MOMENTUM = 0.98
_FLOAT_LIMIT = 3.0e38


class Mode(Enum):
    """How a forward pass computes.

    TRAIN: batch statistics. TRAIN_JACOBIAN: the same, differentiable for Jacobians. DEPLOYED: moving statistics.
    """

    TRAIN = "train"
    TRAIN_JACOBIAN = "train_jacobian"
    DEPLOYED = "deployed"


@dataclass(frozen=True, slots=True)
class Pass:
    """One forward pass.

    Attributes:
        outputs: node name -> output.  # [batch, ...]
        kernels: layer name -> the kernel that was used (quantized or not).
        slopes: normalization node -> gamma * inv_std.  # [c]
        statistics: normalization node -> the batch's statistics, in training.
    """

    outputs: dict[str, Tensor]
    kernels: dict[str, Tensor]
    slopes: dict[str, Tensor]
    statistics: dict[str, BatchStatistics]
    logits: Tensor


@dataclass(frozen=True, slots=True)
class BackwardRule:
    """Which linear maps a backward sweep takes.

    Attributes:
        kernels: layer name -> kernel.
        limits: activation node -> value above which its slope is zero.
    """

    kernels: Mapping[str, Tensor]
    limits: Mapping[str, Tensor]


class Network:
    """Variables of one topology and the passes over them."""

    def __init__(self, topology: Topology) -> None:
        """Create the variables; `initialize` or `load_weights` gives them values."""
        self.topology = topology
        self.variables: dict[str, Any] = {}
        self._kernel_codes: dict[str, Any] = {}
        self._relu_ranges: dict[str, Any] = {}
        for layer in topology.layers:
            self._add(layer, "kernel", np.zeros(topology.kernel_shape(layer)), trainable=True)
            self._add(layer, "bias", np.zeros(topology.shapes[layer.name][-1]), trainable=True)
            self._kernel_codes[layer.name] = tf.Variable(np.zeros(4, np.float32), trainable=False)
        for node in topology.nodes:
            if isinstance(node, BatchNorm):
                channels = topology.shapes[node.name][-1]
                for field, value in (("gamma", 1.0), ("beta", 0.0), ("mean", 0.0), ("variance", 1.0)):
                    trainable = field in ("gamma", "beta")
                    self._add(node, field, np.full(channels, value), trainable=trainable)
            if isinstance(node, Relu):
                self._relu_ranges[node.name] = tf.Variable([1.0, _FLOAT_LIMIT], trainable=False)

    def _add(self, node: Node, field: str, initial: Any, *, trainable: bool) -> None:
        name = f"{node.name}/{field}"
        self.variables[name] = tf.Variable(tf.cast(initial, tf.float32), trainable=trainable, name=name)

    @property
    def trainable_variables(self) -> list[Any]:
        """Kernels, biases, gammas and betas."""
        return [variable for variable in self.variables.values() if variable.trainable]

    @property
    def kernels(self) -> list[Any]:
        """The kernels in layer order, before quantization."""
        return [self.variables[f"{layer.name}/kernel"] for layer in self.topology.layers]

    def initialize(self, seed: int) -> None:
        """Draw He normal kernels and set everything else to its neutral value."""
        for index, layer in enumerate(self.topology.layers):
            variable = self.variables[f"{layer.name}/kernel"]
            variable.assign(tf.keras.initializers.HeNormal(seed=seed + index)(variable.shape))
        for name, variable in self.variables.items():
            field = name.rsplit("/", 1)[-1]
            if field != "kernel":
                variable.assign(np.full(variable.shape, field in ("gamma", "variance"), np.float32))

    def weights(self) -> Weights:
        """Return a copy of all values."""
        return {name: variable.numpy() for name, variable in self.variables.items()}

    def load_weights(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Set all values."""
        for name, variable in self.variables.items():
            variable.assign(weights[name])

    def load_policies(self, candidate: Candidate, integer_bits: Mapping[str, Mapping[int, int]]) -> None:
        """Set bit widths and activation ranges from a candidate.

        Args:
            candidate: its policies name the topology's layers.
            integer_bits: activation node -> activation bits -> integer bits, from calibration.
        """
        for name, variable in self._kernel_codes.items():
            policy = candidate.policies[name]
            variable.assign(KernelCode.of(policy.weight_quantizer, policy.weight_bits).as_array())
        for name, variable in self._relu_ranges.items():
            bits = candidate.policies[self.topology.activation_owner[name]].activation_bits
            if bits is None:
                raise ValueError(f"the policy of {self.topology.activation_owner[name]!r} lacks activation_bits")
            variable.assign(relu_range(bits, integer_bits[name][bits]))

    def quantized_kernels(self) -> dict[str, Tensor]:
        """Return every layer's quantized kernel, differentiable straight through."""
        return {
            layer.name: quantize_kernel(self.variables[f"{layer.name}/kernel"], self._kernel_codes[layer.name])
            for layer in self.topology.layers
        }

    def float_kernels(self) -> dict[str, Tensor]:
        """Return every layer's kernel as it is."""
        return {layer.name: self.variables[f"{layer.name}/kernel"] for layer in self.topology.layers}

    def forward(self, x: Tensor, *, kernels: Mapping[str, Tensor], mode: Mode, quantized: bool) -> Pass:
        """Run the network.

        Args:
            x: inputs in input units.  # [batch, *input_shape]
            kernels: layer name -> kernel, from `quantized_kernels` or `float_kernels`.
            mode: which statistics normalize.
            quantized: whether activations are quantized.
        """
        outputs: dict[str, Tensor] = {}
        slopes: dict[str, Tensor] = {}
        statistics: dict[str, BatchStatistics] = {}
        for node in self.topology.nodes:
            sources = [outputs[name] for name in node.inputs]
            match node:
                case Input():
                    outputs[node.name] = x
                case BatchNorm():
                    outputs[node.name] = self._normalize(node, sources[0], mode, slopes, statistics)
                case Relu() if quantized:
                    outputs[node.name] = quantize_relu(sources[0], self._relu_ranges[node.name])
                case Conv2D() | DepthwiseConv2D() | Dense():
                    linear = _apply_kernel(node, sources[0], kernels[node.name])
                    outputs[node.name] = tf.nn.bias_add(linear, self.variables[f"{node.name}/bias"])
                case _:
                    outputs[node.name] = _PLAIN_OPERATIONS[type(node)](node, *sources)
        return Pass(outputs, dict(kernels), slopes, statistics, outputs[self.topology.nodes[-1].name])

    def _normalize(
        self,
        node: Node,
        x: Tensor,
        mode: Mode,
        slopes: dict[str, Tensor],
        statistics: dict[str, BatchStatistics],
    ) -> Tensor:
        gamma, beta, mean, variance = (
            self.variables[f"{node.name}/{field}"] for field in ("gamma", "beta", "mean", "variance")
        )
        if mode is Mode.DEPLOYED:
            slopes[node.name] = gamma * tf.math.rsqrt(variance + NORM_EPSILON)
            return normalize_moving(x, gamma, beta, mean=mean, variance=variance)
        if mode is Mode.TRAIN:
            result, statistics[node.name] = normalize_batch_plain(x, gamma, beta)
            return result
        result, inv_std, statistics[node.name] = normalize_batch(x, gamma, beta)
        slopes[node.name] = gamma * inv_std
        return result

    def update_moving_statistics(self, statistics: Mapping[str, BatchStatistics]) -> None:
        """Move the averages towards a batch's statistics."""
        for name, batch in statistics.items():
            for field, value in (("mean", batch.mean), ("variance", batch.variance)):
                variable = self.variables[f"{name}/{field}"]
                variable.assign_sub((1 - _NORM_MOMENTUM) * (variable - value))

    def relu_limits(self) -> dict[str, Tensor]:
        """Return activation node -> the largest value that its quantizer gives."""
        return {name: settings[1] for name, settings in self._relu_ranges.items()}

    def surrogate_rule(self, forward: Pass, *, quantized: bool) -> BackwardRule:
        """Return the rule that belongs to a pass: its own kernels, and where its activations saturate."""
        limits = self.relu_limits()
        return BackwardRule(
            kernels=forward.kernels, limits=limits if quantized else dict.fromkeys(limits, _FLOAT_LIMIT)
        )

    def chosen_rule(self, forward: Pass, is_float: Tensor) -> BackwardRule:
        """Return the surrogate rule of a quantized pass, or where `is_float` holds that of its float twin.

        Args:
            forward: a pass with quantized kernels and activations.
            is_float: a scalar boolean tensor.
        """
        surrogate = self.surrogate_rule(forward, quantized=True)
        floats = self.float_kernels()
        return BackwardRule(
            kernels={name: tf.where(is_float, floats[name], kernel) for name, kernel in surrogate.kernels.items()},
            limits={name: tf.where(is_float, _FLOAT_LIMIT, limit) for name, limit in surrogate.limits.items()},
        )

    def pull_back(
        self, forward: Pass, cotangent: Tensor, *, n_examples: int | Tensor, rule: BackwardRule
    ) -> dict[str, Tensor]:
        """Return cotangent^T dz/da for every tap of the topology, from one sweep from the logits to the input.

        A vector-Jacobian product written as ordinary operations: each is differentiable, so the gradient of a function
        of the result is one more ordinary backward pass. Statistics of the batch count as constants of the map from
        one example's activations to its logits, as they are when the network is deployed.

        Args:
            forward: a pass that kept its slopes: mode TRAIN_JACOBIAN or DEPLOYED.
            cotangent: v for the first `n_examples` examples.  # [n_examples, n_classes]
            n_examples: how many of the pass's examples are looked at.
            rule: kernels and saturation of the sweep.

        Returns:
            Tap node -> product, shaped like the first `n_examples` activations there.
        """
        nodes = self.topology.nodes
        pending: dict[str, Tensor] = {nodes[-1].name: cotangent}
        products: dict[str, Tensor] = {}
        for node in reversed(nodes):
            upstream = pending.pop(node.name)
            if node.name in self.topology.tap_owner:
                products[node.name] = upstream
            pulled = self._pull_node(node, forward, upstream, n_examples, rule)
            for name, value in zip(node.inputs, pulled, strict=True):
                pending[name] = pending[name] + value if name in pending else value
        return products

    def _pull_node(
        self, node: Node, forward: Pass, upstream: Tensor, n_examples: int | Tensor, rule: BackwardRule
    ) -> tuple[Tensor, ...]:
        shape = (n_examples, *self.topology.shapes[node.inputs[0]]) if node.inputs else ()
        match node:
            case Input():
                return ()
            case Conv2D() | DepthwiseConv2D() | Dense():
                kernel = rule.kernels[node.name]
                norm = self.topology.norm_of.get(node.name)
                if norm is not None:
                    # The slopes of the normalization, folded in: a kernel is far smaller than the activations.
                    kernel = _scale_outputs(node, kernel, forward.slopes[norm])
                return (_apply_kernel_transposed(node, upstream, kernel, shape),)
            case BatchNorm():
                return (upstream,)
            case Relu():
                x = tf.stop_gradient(forward.outputs[node.inputs[0]][:n_examples])
                return (upstream * relu_slope(x, rule.limits[node.name]),)
            case Add():
                return (upstream, upstream)
            case Rescale():
                return (upstream * node.factor,)
            case GlobalAveragePool():
                area = shape[1] * shape[2]
                return (tf.broadcast_to(upstream[:, None, None, :] / area, shape),)
            case Flatten():
                return (tf.reshape(upstream, shape),)
            case _:
                raise TypeError(f"no backward rule for {type(node).__name__}")


def _apply_kernel(layer: Layer, x: Tensor, kernel: Tensor) -> Tensor:
    match layer:
        case Conv2D():
            return tf.nn.conv2d(x, kernel, layer.strides, layer.padding.upper())
        case DepthwiseConv2D():
            return tf.nn.depthwise_conv2d(x, kernel, (1, *layer.strides, 1), layer.padding.upper())
        case Dense():
            return tf.matmul(x, kernel)


def _scale_outputs(layer: Layer, kernel: Tensor, factors: Tensor) -> Tensor:
    """Return the kernel that gives each output channel times its factor."""
    return kernel * (factors[:, None] if isinstance(layer, DepthwiseConv2D) else factors)


def _apply_kernel_transposed(layer: Layer, upstream: Tensor, kernel: Tensor, shape: tuple[Any, ...]) -> Tensor:
    match layer:
        case Conv2D():
            return tf.nn.conv2d_transpose(upstream, kernel, shape, layer.strides, layer.padding.upper())
        case DepthwiseConv2D():
            return tf.nn.depthwise_conv2d_backprop_input(
                shape, kernel, upstream, (1, *layer.strides, 1), layer.padding.upper()
            )
        case Dense():
            return tf.matmul(upstream, kernel, transpose_b=True)


_PLAIN_OPERATIONS: dict[type[Node], Callable[..., Tensor]] = {
    Rescale: lambda node, x: x * node.factor,
    Relu: lambda _, x: tf.nn.relu(x),
    Add: lambda _, main, shortcut: main + shortcut,
    GlobalAveragePool: lambda _, x: tf.reduce_mean(x, axis=[1, 2]),
    Flatten: lambda _, x: tf.reshape(x, [tf.shape(x)[0], int(np.prod(x.shape[1:]))]),
}
