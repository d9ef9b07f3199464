"""Integer bits: the range with the least squared error, found again by trying QKeras' quantizer at every range."""

import numpy as np
import pytest
import qkeras
from numpy.typing import NDArray

from search.models.calibration import calibrate_integer_bits
from search.models.network import Mode, Network
from search.models.topology import Relu, Topology
from search.models.topology_builder import TopologyBuilder
from search.runtime import tf
from spaces.layer_policy import ACTIVATION_BITS
from tests.search.models.builders import filled_network, make_inputs, residual_topology


def identity_network(*, scale: float = 1.0) -> Network:
    """Return a network whose one activation is relu(scale * x)."""
    builder = TopologyBuilder("identity", (2,))
    x = builder.add(Relu(name="relu", inputs=(builder.dense(builder.input, "first", units=2),)))
    builder.dense(x, "dense", units=2)
    network = Network(builder.build())
    network.initialize(0)
    network.variables["first/kernel"].assign(scale * np.eye(2, dtype=np.float32))
    return network


def best_by_trying(values: NDArray[np.float32], bits: int) -> int:
    x = tf.constant(np.maximum(values, 0))
    errors = [
        float(np.mean((qkeras.quantized_relu(bits, integer)(x).numpy() - x.numpy()) ** 2)) for integer in range(8)
    ]
    return int(np.argmin(errors))


@pytest.mark.parametrize("spread", [0.1, 0.9, 3.0, 20.0, 90.0])
def test_range_has_the_least_squared_error(spread: float) -> None:
    x = np.random.default_rng(0).exponential(spread, (3000, 2)).astype(np.float32)
    chosen = calibrate_integer_bits(identity_network(), x, mode=Mode.DEPLOYED)["relu"]
    assert chosen == {bits: best_by_trying(x, bits) for bits in ACTIVATION_BITS}


def test_uniform_values_by_hand() -> None:
    # Values of 0 to 3.9: eight bits have steps to spare and take the range 4; the widest is 128.
    x = np.linspace(0, 3.9, 4000, dtype=np.float32).reshape(-1, 2)
    assert calibrate_integer_bits(identity_network(), x, mode=Mode.DEPLOYED)["relu"][8] == 2
    huge = calibrate_integer_bits(identity_network(scale=1e4), x, mode=Mode.DEPLOYED)["relu"]
    assert set(huge.values()) == {7}


def test_few_bits_clip_a_long_tail_that_many_bits_cover() -> None:
    x = np.random.default_rng(1).exponential(1.0, (5000, 2)).astype(np.float32)
    chosen = calibrate_integer_bits(identity_network(), x, mode=Mode.DEPLOYED)["relu"]
    assert chosen[2] < chosen[8]
    assert [chosen[bits] for bits in ACTIVATION_BITS] == sorted(chosen[bits] for bits in ACTIVATION_BITS)


def values_of(
    topology: Topology, network: Network, x: NDArray[np.float32], mode: Mode
) -> dict[str, NDArray[np.float32]]:
    outputs = network.forward(tf.constant(x), kernels=network.float_kernels(), mode=mode, quantized=False).outputs
    return {name: outputs[name].numpy().ravel() for name in topology.activation_owner}


@pytest.mark.parametrize("mode", [Mode.DEPLOYED, Mode.TRAIN])
def test_every_activation_is_calibrated_on_its_own_values(mode: Mode) -> None:
    topology = residual_topology()
    network = filled_network(topology, seed=1)
    x = make_inputs(topology, 16)
    chosen = calibrate_integer_bits(network, x, mode=mode)
    assert set(chosen) == set(topology.activation_owner)
    for name, values in values_of(topology, network, x, mode).items():
        assert chosen[name] == {bits: best_by_trying(values, bits) for bits in ACTIVATION_BITS}
