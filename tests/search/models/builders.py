"""Small topologies, networks with every weight in play, and candidates for tests; all drawn from fixed seeds."""

import numpy as np
from numpy.typing import NDArray

from search.models.network import Network
from search.models.topology import (
    Add,
    Conv2D,
    Flatten,
    GlobalAveragePool,
    Relu,
    Rescale,
    Topology,
)
from search.models.topology_builder import TopologyBuilder
from spaces.candidate import Candidate
from spaces.layer_policy import LayerPolicy, WeightQuantizer

# Every quantizer and width a kernel can have.
KERNEL_KINDS = (
    (1, WeightQuantizer.QUANTIZED_BITS),
    (2, WeightQuantizer.TERNARY),
    (2, WeightQuantizer.QUANTIZED_BITS),
    (3, WeightQuantizer.QUANTIZED_BITS),
    (4, WeightQuantizer.QUANTIZED_BITS),
    (6, WeightQuantizer.QUANTIZED_BITS),
    (8, WeightQuantizer.QUANTIZED_BITS),
)
ACTIVATION_KINDS = (2, 3, 4, 6, 8)


def residual_topology(
    *, input_shape: tuple[int, int, int] = (6, 6, 2), n_classes: int = 3, width: float = 1.0
) -> Topology:
    """Return a network with every kind of operation but a flattening: 6 layers, 5 taps."""
    filters = round(4 * width)
    builder = TopologyBuilder("residual", input_shape)
    x = builder.add(Rescale(name="rescale", inputs=(builder.input,), factor=2.0))
    x = builder.norm_relu(builder.conv(x, "conv0", filters=filters, kernel_size=(3, 3)))
    x = builder.norm_relu(builder.depthwise(x, "depthwise", kernel_size=(3, 3)))
    main = builder.norm_relu(builder.conv(x, "conv1", filters=filters + 1, kernel_size=(3, 3), strides=(2, 2)))
    main = builder.norm(builder.conv(main, "conv2", filters=filters + 1, kernel_size=(3, 3)))
    shortcut = builder.conv(x, "shortcut", filters=filters + 1, kernel_size=(1, 1), strides=(2, 2))
    x = builder.relu(builder.add(Add(name="add", inputs=(main, shortcut))))
    x = builder.add(GlobalAveragePool(name="pool", inputs=(x,)))
    builder.dense(x, "dense", units=n_classes)
    return builder.build()


def identity_block_topology() -> Topology:
    """Return a network whose shortcut is the block's source itself."""
    builder = TopologyBuilder("identity_block", (5, 5, 1))
    x = builder.norm_relu(builder.conv(builder.input, "conv0", filters=3, kernel_size=(3, 3)))
    main = builder.norm(builder.conv(x, "conv1", filters=3, kernel_size=(3, 3)))
    x = builder.relu(builder.add(Add(name="add", inputs=(main, x))))
    x = builder.add(GlobalAveragePool(name="pool", inputs=(x,)))
    builder.dense(x, "dense", units=4)
    return builder.build()


def flat_topology() -> Topology:
    """Return a network without normalization: an unpadded convolution, a flattening and two dense layers."""
    builder = TopologyBuilder("flat", (5, 4, 2))
    x = builder.add(
        Conv2D(name="conv", inputs=(builder.input,), filters=3, kernel_size=(3, 2), strides=(2, 1), padding="valid")
    )
    x = builder.add(Flatten(name="flatten", inputs=(builder.relu(x),)))
    x = builder.add(Relu(name="hidden_relu", inputs=(builder.dense(x, "hidden", units=5),)))
    builder.dense(x, "dense", units=3)
    return builder.build()


def filled_network(topology: Topology, *, seed: int) -> Network:
    """Return a network of which no bias, scale or moving statistic is neutral."""
    network = Network(topology)
    network.initialize(seed)
    rng = np.random.default_rng(seed)
    draws = {
        "bias": lambda shape: rng.normal(0, 0.2, shape),
        "gamma": lambda shape: rng.uniform(0.5, 1.5, shape),
        "beta": lambda shape: rng.normal(0.2, 0.3, shape),
        "mean": lambda shape: rng.normal(0, 0.5, shape),
        "variance": lambda shape: rng.uniform(0.5, 2.0, shape),
    }
    for name, variable in network.variables.items():
        field = name.rsplit("/", 1)[-1]
        if field in draws:
            variable.assign(draws[field](variable.shape).astype(np.float32))
    return network


def make_candidate(topology: Topology, *, shift: int = 0) -> Candidate:
    """Return a candidate in which layer i has the kind i + shift, so that `shift` walks every layer through all."""
    policies = {}
    for index, slot in enumerate(topology.slots):
        weight_bits, two_bit_quantizer = KERNEL_KINDS[(index + shift) % len(KERNEL_KINDS)]
        activation_bits = ACTIVATION_KINDS[(index + shift) % len(ACTIVATION_KINDS)]
        policies[slot.name] = LayerPolicy(
            weight_bits=weight_bits,
            activation_bits=activation_bits if slot.has_activation else None,
            two_bit_quantizer=two_bit_quantizer,
        )
    return Candidate(policies=policies, topology={"width": 1.0}, training={})


def uniform_candidate(topology: Topology, *, weight_bits: int, activation_bits: int) -> Candidate:
    """Return a candidate with the same widths everywhere."""
    return Candidate(
        policies={
            slot.name: LayerPolicy(
                weight_bits=weight_bits, activation_bits=activation_bits if slot.has_activation else None
            )
            for slot in topology.slots
        },
        topology={"width": 1.0},
        training={},
    )


def make_integer_bits(topology: Topology, *, seed: int = 0) -> dict[str, dict[int, int]]:
    """Return ranges of 1 to 4 for every activation and width."""
    rng = np.random.default_rng(seed)
    return {name: {bits: int(rng.integers(0, 3)) for bits in ACTIVATION_KINDS} for name in topology.activation_owner}


def make_inputs(topology: Topology, n: int, *, seed: int = 0) -> NDArray[np.float32]:
    """Return inputs in [0, 1]."""
    return np.random.default_rng(seed).random((n, *topology.input_shape), dtype=np.float32)
