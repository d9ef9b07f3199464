"""The generated C against the trained network: every kind of layer, width, stride, padding and shortcut."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from search.data.input_grid import InputGrid
from search.models.topology import (
    Add,
    Conv2D,
    DepthwiseConv2D,
    Flatten,
    GlobalAveragePool,
    Rescale,
    Topology,
)
from search.models.topology_builder import TopologyBuilder
from search.models.trained_model import TrainedModel
from spaces.candidate import Candidate
from spaces.layer_policy import LayerPolicy
from spaces.study_spec import TopologySpec
from tests.search.exporters.builders import make_model
from tests.search.exporters.c.running import Comparison, compare, needs_gcc
from tests.search.models.builders import (
    ACTIVATION_KINDS,
    KERNEL_KINDS,
    filled_network,
    flat_topology,
    identity_block_topology,
    make_integer_bits,
)

GRIDS = (InputGrid(scale=1 / 255), InputGrid(scale=1 / 64), InputGrid(scale=0.02, zero_point=83))


def assert_equal(found: Comparison) -> None:
    # The last bit of float32 decides next to the middle between two codes: at most a few among thousands.
    assert found.equal_codes >= 0.999
    assert found.largest_logit_difference <= 1e-5 * max(found.largest_logit, 1.0)


@st.composite
def random_topologies(draw: st.DrawFn) -> Topology:
    """Draw up to three blocks of convolutions, depthwise ones and shortcuts, and an end that pools or flattens."""
    shape = (draw(st.integers(3, 7)), draw(st.integers(3, 7)), draw(st.integers(1, 5)))
    builder = TopologyBuilder("random", shape)
    x = builder.input
    if draw(st.booleans()):
        x = builder.add(Rescale(name="rescale", inputs=(x,), factor=draw(st.sampled_from([2.0, 0.3, 16.0]))))
    x = _activated(builder, draw, _convolved(builder, draw, x, "first", padding="same"))
    for index in range(draw(st.integers(0, 2))):
        kind = draw(st.sampled_from(["plain", "depthwise", "identity", "projected"]))
        x = _block(builder, draw, x, f"block{index}", kind)
    if draw(st.booleans()):
        x = builder.add(GlobalAveragePool(name="pool", inputs=(x,)))
    else:
        x = builder.add(Flatten(name="flatten", inputs=(x,)))
    builder.dense(x, "dense", units=draw(st.integers(2, 9)))
    return builder.build()


def _convolved(builder: TopologyBuilder, draw: st.DrawFn, source: str, name: str, *, padding: str) -> str:
    kernel = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    strides = (draw(st.integers(1, 2)), draw(st.integers(1, 2)))
    filters = draw(st.sampled_from([1, 3, 4, 8, 9, 16]))
    node = Conv2D(name=name, inputs=(source,), filters=filters, kernel_size=kernel, strides=strides, padding=padding)
    return builder.add(node)


def _activated(builder: TopologyBuilder, draw: st.DrawFn, source: str) -> str:
    return builder.norm_relu(source) if draw(st.booleans()) else builder.relu(source)


def _block(builder: TopologyBuilder, draw: st.DrawFn, source: str, name: str, kind: str) -> str:
    if kind == "plain":
        return _activated(builder, draw, _convolved(builder, draw, source, name, padding="same"))
    if kind == "depthwise":
        kernel = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
        stride = draw(st.integers(1, 2))  # TensorFlow's kernel takes the same one for both axes
        node = DepthwiseConv2D(name=name, inputs=(source,), kernel_size=kernel, strides=(stride,) * 2, padding="same")
        return _activated(builder, draw, builder.add(node))
    inner = builder.norm_relu(builder.conv(source, f"{name}_a", filters=4, kernel_size=(3, 3)))
    if kind == "projected":
        main = builder.norm(builder.conv(inner, f"{name}_b", filters=6, kernel_size=(3, 2), strides=(2, 1)))
        shortcut = builder.conv(source, f"{name}_c", filters=6, kernel_size=(1, 1), strides=(2, 1))
    else:
        main, shortcut = builder.norm(builder.conv(inner, f"{name}_b", filters=4, kernel_size=(2, 3))), inner
    return builder.relu(builder.add(Add(name=f"{name}_add", inputs=(main, shortcut))))


@st.composite
def random_models(draw: st.DrawFn) -> TrainedModel:
    topology = draw(random_topologies())
    policies = {}
    for slot in topology.slots:
        weight_bits, two_bit_quantizer = draw(st.sampled_from(KERNEL_KINDS))
        policies[slot.name] = LayerPolicy(
            weight_bits=weight_bits,
            activation_bits=draw(st.sampled_from(ACTIVATION_KINDS)) if slot.has_activation else None,
            two_bit_quantizer=two_bit_quantizer,
        )
    return TrainedModel(
        topology_spec=TopologySpec(name="digits_cnn"),
        topology=topology,
        candidate=Candidate(policies=policies, topology={}, training={}),
        integer_bits=make_integer_bits(topology, seed=draw(st.integers(0, 9))),
        weights=filled_network(topology, seed=draw(st.integers(1, 99))).weights(),
    )


@needs_gcc
@pytest.mark.parametrize("shift", [0, 3])
def test_every_kind_of_node_gives_the_networks_codes(shift: int, tmp_path: Path) -> None:
    assert_equal(compare(make_model(shift=shift), GRIDS[0], tmp_path))


@needs_gcc
@pytest.mark.slow
@pytest.mark.parametrize("shift", range(len(KERNEL_KINDS)))
@pytest.mark.parametrize("build", [None, identity_block_topology, flat_topology])
def test_all_widths_in_all_places(build: object, shift: int, tmp_path: Path) -> None:
    model = make_model(shift=shift, topology=build() if callable(build) else None)
    assert_equal(compare(model, GRIDS[shift % len(GRIDS)], tmp_path))


@needs_gcc
@given(random_models(), st.sampled_from(GRIDS))
@settings(max_examples=3, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_random_networks_give_the_networks_codes(model: TrainedModel, grid: InputGrid) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert_equal(compare(model, grid, Path(folder), flags=("-O1",)))


@needs_gcc
@pytest.mark.slow
@given(random_models(), st.sampled_from(GRIDS))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_many_random_networks_give_the_networks_codes(model: TrainedModel, grid: InputGrid) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert_equal(compare(model, grid, Path(folder)))
