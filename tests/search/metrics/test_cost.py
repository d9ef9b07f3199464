"""Bytes, operations and activation memory, counted by hand."""

import pytest

from search.metrics.cost import candidate_cost
from search.models.topologies import resnet8
from search.models.topology import GlobalAveragePool, Topology
from search.models.topology_builder import TopologyBuilder
from spaces.candidate import Candidate
from spaces.layer_policy import WEIGHT_BITS, LayerPolicy
from spaces.objectives import ARITHMETIC_METRICS
from tests.search.models.builders import flat_topology, uniform_candidate


def two_layers() -> Topology:
    """Return a 3x3 convolution of 4x4x1 to 4 channels with normalization, and a dense layer of 3."""
    builder = TopologyBuilder("two", (4, 4, 1))
    x = builder.norm_relu(builder.conv(builder.input, "conv", filters=4, kernel_size=(3, 3)))
    x = builder.add(GlobalAveragePool(name="pool", inputs=(x,)))
    builder.dense(x, "dense", units=3)
    return builder.build()


def candidate(conv: tuple[int, int], dense: int) -> Candidate:
    return Candidate(
        policies={
            "conv": LayerPolicy(weight_bits=conv[0], activation_bits=conv[1]),
            "dense": LayerPolicy(weight_bits=dense, activation_bits=None),
        },
        topology={},
        training={},
    )


def resnet() -> Topology:
    return resnet8.build(input_shape=(32, 32, 3), n_classes=10, width=1.0)


# 36 weights in the convolution and 12 in the dense layer, packed into whole bytes.
@pytest.mark.parametrize(
    ("bits", "conv_bytes", "dense_bytes"), [(1, 5, 2), (2, 9, 3), (3, 14, 5), (4, 18, 6), (6, 27, 9), (8, 36, 12)]
)
def test_flash_of_two_layers(bits: int, conv_bytes: int, dense_bytes: int) -> None:
    cost = candidate_cost(two_layers(), candidate((bits, 4), bits))
    conv, dense = cost.layers
    # 4 channels: bias 4 bytes each, scale 1 + 4 with the folded normalization; 3 logits: bias 4, scale 1.
    assert (conv.weight_bytes, conv.bias_bytes, conv.scale_bytes) == (conv_bytes, 16, 20)
    assert (dense.weight_bytes, dense.bias_bytes, dense.scale_bytes) == (dense_bytes, 12, 3)
    assert cost.size_bytes == conv_bytes + 36 + dense_bytes + 15


def test_every_weight_width_is_counted_here() -> None:
    assert WEIGHT_BITS == (1, 2, 3, 4, 6, 8)


def test_operations_of_two_layers() -> None:
    # 36 weights at 16 positions, then 4 * 3; the network's input has 8 bits, the dense layer's the convolution's 4.
    cost = candidate_cost(two_layers(), candidate((2, 4), 6))
    assert cost.macs == 36 * 16 + 12
    assert cost.bops == 576 * 2 * 8 + 12 * 6 * 4


def test_memory_of_two_layers() -> None:
    # Input 16 beside the activation 64, 4 sums of 4 bytes and 9 gathered inputs in whole words.
    assert candidate_cost(two_layers(), candidate((8, 8), 8)).ram_bytes == 16 + 64 + 16 + 12


def test_memory_without_convolution_at_the_peak() -> None:
    # Input 5*4*2 = 40 beside the convolution's 18 in whole words, its 3 sums and 3*2*2 gathered inputs; the hidden
    # layer reads 18 and gives 5, the logits take 12.
    topology = flat_topology()
    cost = candidate_cost(topology, uniform_candidate(topology, weight_bits=8, activation_bits=8))
    assert cost.ram_bytes == 40 + 20 + 12 + 12
    # No normalization: only the shift beside the bias. 36 + 90 + 15 weights, 3 + 5 + 3 channels.
    assert cost.size_bytes == (36 + 90 + 15) + 11 * (4 + 1)
    # 2 x 3 positions of 12 weights for 3 filters.
    assert cost.macs == 6 * 36 + 90 + 15


def test_resnet8_at_eight_bits() -> None:
    topology = resnet()
    cost = candidate_cost(topology, uniform_candidate(topology, weight_bits=8, activation_bits=8))
    assert cost.macs == 12_501_632
    assert cost.bops == 12_501_632 * 64
    weights = 432 + 2 * 2304 + (4608 + 9216 + 512) + (18432 + 36864 + 2048) + 640
    normalized, others = 3 * 16 + 2 * 32 + 2 * 64, 32 + 64 + 10  # the shortcuts and the logits have no normalization
    assert cost.size_bytes == weights + normalized * 9 + others * 5 == 80_050


def test_resnet8_memory_peaks_where_the_second_block_adds_its_shortcut() -> None:
    # In use: the source, read by the shortcut, 32*32*16; the main branch, 16*16*32; the result, as large;
    # 32 sums of 4 bytes and 3*3*32 gathered inputs. Both convolutions are summed position by position.
    topology = resnet()
    cost = candidate_cost(topology, uniform_candidate(topology, weight_bits=4, activation_bits=4))
    assert cost.ram_bytes == 16_384 + 8_192 + 8_192 + 4 * 32 + 288 == 33_184


def test_bit_operations_take_the_bits_of_the_activation_that_is_read() -> None:
    topology = resnet()
    base = uniform_candidate(topology, weight_bits=8, activation_bits=8)
    policies = dict(base.policies)
    policies["block1_conv2"] = LayerPolicy(weight_bits=8, activation_bits=2)
    changed = Candidate(policies=policies, topology={}, training={})
    # The sum after block 1 has the bits of its main branch; block 2 reads it twice: 4608 and 512 weights, 256 places.
    saved = (4608 + 512) * 256 * 8 * (8 - 2)
    assert candidate_cost(topology, base).bops - candidate_cost(topology, changed).bops == saved


def test_halving_the_bits_halves_the_bit_operations_twice() -> None:
    topology = two_layers()
    whole = candidate_cost(topology, candidate((8, 8), 8))
    half = candidate_cost(topology, candidate((4, 4), 4))
    assert (whole.bops, half.bops) == (588 * 64, 576 * 4 * 8 + 12 * 16)


def test_metrics_are_those_that_a_study_may_name() -> None:
    metrics = candidate_cost(two_layers(), candidate((8, 8), 8)).metrics()
    assert set(metrics) == set(ARITHMETIC_METRICS)
