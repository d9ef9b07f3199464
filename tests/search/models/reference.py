"""A second, plain implementation of a network's forward pass: ordinary operations, any precision, any node replaced.

It shares no code with `search.models`: its derivatives come from automatic differentiation, its quantizers are QKeras'.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import qkeras

from search.models.topology import (
    Add,
    BatchNorm,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    GlobalAveragePool,
    Input,
    Relu,
    Rescale,
    Topology,
)
from search.runtime import tf
from spaces.candidate import Candidate
from spaces.layer_policy import WeightQuantizer

Tensor = Any
EPSILON = 1e-3


@dataclass(frozen=True)
class Plain:
    """Outputs of all nodes and, per normalization, the mean and inverse standard deviation that were used."""

    outputs: dict[str, Tensor]
    logits: Tensor
    statistics: dict[str, tuple[Tensor, Tensor]] = field(default_factory=dict)


def plain_forward(
    topology: Topology,
    values: Mapping[str, Tensor],
    x: Tensor,
    *,
    statistics: Mapping[str, tuple[Tensor, Tensor]] | None = None,
    replaced: Mapping[str, Tensor] | None = None,
    activation: Callable[[str, Tensor], Tensor] = lambda _, pre_activation: tf.nn.relu(pre_activation),
) -> Plain:
    """Run a topology.

    Args:
        topology: what to run.
        values: "<node>/<field>" -> tensor, the kernels as they enter the arithmetic.
        x: inputs.
        statistics: normalization -> mean and inverse standard deviation; None takes them from this batch.
        replaced: node -> the output to put in its place.
        activation: node name and pre-activation -> activation.
    """
    outputs: dict[str, Tensor] = {}
    used: dict[str, tuple[Tensor, Tensor]] = {}
    for node in topology.nodes:
        sources = [outputs[name] for name in node.inputs]
        if replaced and node.name in replaced:
            outputs[node.name] = replaced[node.name]
            continue
        match node:
            case Input():
                result = x
            case Rescale():
                result = node.factor * sources[0]
            case Conv2D():
                result = tf.nn.convolution(
                    sources[0], values[f"{node.name}/kernel"], list(node.strides), node.padding.upper()
                )
                result += values[f"{node.name}/bias"]
            case DepthwiseConv2D():
                # A grouped convolution written out: one channel after another.
                kernel = values[f"{node.name}/kernel"]
                channels = [
                    tf.nn.convolution(
                        sources[0][..., index : index + 1],
                        kernel[:, :, index : index + 1],
                        list(node.strides),
                        node.padding.upper(),
                    )
                    for index in range(kernel.shape[2])
                ]
                result = tf.concat(channels, axis=-1) + values[f"{node.name}/bias"]
            case Dense():
                result = tf.einsum("ni,io->no", sources[0], values[f"{node.name}/kernel"])
                result += values[f"{node.name}/bias"]
            case BatchNorm():
                if statistics is None:
                    axes = list(range(len(sources[0].shape) - 1))
                    mean = tf.reduce_mean(sources[0], axis=axes)
                    variance = tf.reduce_mean((sources[0] - mean) ** 2, axis=axes)
                    used[node.name] = (mean, 1 / tf.sqrt(variance + EPSILON))
                else:
                    used[node.name] = statistics[node.name]
                mean, inv_std = used[node.name]
                result = values[f"{node.name}/gamma"] * inv_std * (sources[0] - mean) + values[f"{node.name}/beta"]
            case Relu():
                result = activation(node.name, sources[0])
            case Add():
                result = sources[0] + sources[1]
            case GlobalAveragePool():
                result = tf.reduce_mean(sources[0], axis=(1, 2))
            case Flatten():
                result = tf.reshape(sources[0], (sources[0].shape[0], -1))
            case _:
                raise TypeError(type(node).__name__)
        outputs[node.name] = result
    return Plain(outputs, outputs[topology.nodes[-1].name], used)


def qkeras_kernel(candidate: Candidate, layer: str, kernel: Tensor) -> Tensor:
    """Return a kernel as QKeras quantizes it under a candidate's policy."""
    policy = candidate.policies[layer]
    if policy.weight_quantizer is WeightQuantizer.BINARY:
        return qkeras.binary(alpha="auto_po2")(kernel)
    if policy.weight_quantizer is WeightQuantizer.TERNARY:
        return qkeras.ternary(alpha="auto_po2")(kernel)
    return qkeras.quantized_bits(policy.weight_bits, 0, 1, alpha="auto_po2")(kernel)


def qkeras_activation(
    topology: Topology, candidate: Candidate, integer_bits: Mapping[str, Mapping[int, int]]
) -> Callable[[str, Tensor], Tensor]:
    """Return the activation function of a quantized pass."""

    def apply(name: str, pre_activation: Tensor) -> Tensor:
        bits = candidate.policies[topology.activation_owner[name]].activation_bits
        assert bits is not None
        return qkeras.quantized_relu(bits, integer_bits[name][bits])(pre_activation)

    return apply
