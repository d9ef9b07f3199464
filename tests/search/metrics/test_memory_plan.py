"""The plan of a network's memory: what is computed together, what may share a place, and sizes by hand."""

from itertools import pairwise

import pytest

from search.metrics.memory_plan import MemoryPlan, plan_memory
from search.models.topologies import digits_cnn, resnet8
from search.models.topology import Add, GlobalAveragePool, Topology
from search.models.topology_builder import TopologyBuilder
from tests.search.models.builders import flat_topology, identity_block_topology, residual_topology


def resnet() -> Topology:
    return resnet8.build(input_shape=(32, 32, 3), n_classes=10, width=1.0)


def digits() -> Topology:
    return digits_cnn.build(input_shape=(8, 8, 1), n_classes=10, width=1.0)


def reused_sum() -> Topology:
    """Return a network whose sum is activated and also added again, as in pre-activation residual networks."""
    builder = TopologyBuilder("reused", (4, 4, 1))
    x = builder.norm(builder.conv(builder.input, "conv0", filters=2, kernel_size=(3, 3)))
    main = builder.conv(builder.relu(x), "conv1", filters=2, kernel_size=(3, 3))
    x = builder.relu(builder.add(Add(name="add", inputs=(main, x))))
    x = builder.add(GlobalAveragePool(name="pool", inputs=(x,)))
    builder.dense(x, "dense", units=2)
    return builder.build()


def alive(plan: MemoryPlan, index: int) -> list[tuple[int, int, str]]:
    places = [(b.offset, b.offset + b.size, name) for name, b in plan.buffers.items() if b.first <= index <= b.last]
    if index in plan.scratch:
        scratch = plan.scratch[index]
        places.append((scratch.offset, scratch.offset + scratch.size, "scratch"))
    return sorted(places)


@pytest.mark.parametrize(
    "build", [resnet, digits, residual_topology, identity_block_topology, flat_topology, reused_sum]
)
def test_nothing_in_use_overlaps_but_a_result_with_what_it_is_added_to(build: object) -> None:
    assert callable(build)
    topology = build()
    plan = plan_memory(topology)
    for index, step in enumerate(plan.steps):
        places = alive(plan, index)
        assert all(end <= plan.ram_bytes and begin % 4 == 0 for begin, end, _ in places)
        for (_, end, first), (begin, _, second) in pairwise(places):
            if begin < end:
                other = first if second == step.output else second
                assert step.output in (first, second)
                assert other in step.terms
                assert plan.buffers[other].last == index
                assert plan.buffers[other].offset == plan.buffers[step.output].offset


def test_layers_of_an_addition_are_one_step() -> None:
    steps = {step.output: step for step in plan_memory(residual_topology()).steps}
    assert steps["add_relu"].layers == ("conv2", "shortcut")
    assert steps["add_relu"].terms == ()
    assert [name for name, step in steps.items() if step.is_wide] == ["pool", "dense"]


def test_a_sum_that_two_nodes_read_is_stored_in_32_bits() -> None:
    plan = plan_memory(reused_sum())
    steps = {step.output: step for step in plan.steps}
    assert steps["conv0_norm"].is_wide
    assert plan.buffers["conv0_norm"].size == 4 * 4 * 2 * 4
    assert steps["conv0_norm_relu"].terms == ("conv0_norm",)
    assert (steps["add_relu"].layers, steps["add_relu"].terms) == (("conv1",), ("conv0_norm",))


def test_an_unchanged_shortcut_gives_its_place_to_the_result() -> None:
    plan = plan_memory(resnet())
    assert plan.buffers["block1_add_relu"].offset == plan.buffers["conv0_norm_relu"].offset
    # Read by the block's own convolution at the same time, it keeps its place.
    plan = plan_memory(identity_block_topology())
    assert plan.buffers["add_relu"].offset != plan.buffers["conv0_norm_relu"].offset


def test_working_memory_by_hand() -> None:
    plan = plan_memory(resnet())
    index = [step.output for step in plan.steps].index("block2_add_relu")
    # 32 sums of 4 bytes, 3 x 3 x 32 gathered inputs; the 1 x 1 shortcut reads 16 channels where they lie.
    assert plan.scratch[index].size == 4 * 32 + 288 + 0
