"""Whether a device can take a network: operations, widths, memories."""

import pytest

from search.metrics.cost import candidate_cost
from search.metrics.target_fit import check_candidate, check_topology
from spaces.errors import ExportError, SpecError
from spaces.targets import Target, load_target
from tests.search.models.builders import flat_topology, residual_topology, uniform_candidate


def target(**changes: object) -> Target:
    return Target.model_validate({**load_target("generic").model_dump(), "name": "small", **changes})


def test_generic_takes_every_network() -> None:
    for topology in (residual_topology(), flat_topology()):
        check_candidate(load_target("generic"), topology, uniform_candidate(topology, weight_bits=1, activation_bits=2))


def test_an_operation_that_is_missing_is_named_with_its_node() -> None:
    without_add = target(operations=["relu", "global_average_pool", "rescale"])
    with pytest.raises(SpecError, match="target 'small' has no operation add, as 'add' is one; it has relu, global"):
        check_topology(without_add, residual_topology())
    with pytest.raises(SpecError, match="has no operation flatten, as 'flatten' is one"):
        check_topology(without_add, flat_topology())


def test_a_kind_of_layer_that_is_missing_is_named_with_its_layer() -> None:
    layers = load_target("generic").model_dump()["layers"]
    del layers["depthwise_conv2d"]
    topology = residual_topology()
    with pytest.raises(ExportError, match="takes no depthwise_conv2d layers, as 'depthwise' is one"):
        check_candidate(target(layers=layers), topology, uniform_candidate(topology, weight_bits=4, activation_bits=4))


def test_a_width_that_is_not_legal_is_named_with_its_layer() -> None:
    topology = flat_topology()
    with pytest.raises(ExportError, match=r"layer 'conv': it has weight_bits = 4, but of a conv2d .*\[1, 8\]"):
        check_candidate(
            load_target("x-cube-ai"), topology, uniform_candidate(topology, weight_bits=4, activation_bits=8)
        )
    with pytest.raises(ExportError, match=r"layer 'conv': it has activation_bits = 3"):
        check_candidate(
            load_target("x-cube-ai"), topology, uniform_candidate(topology, weight_bits=8, activation_bits=3)
        )


@pytest.mark.parametrize(("metric", "field"), [("size_bytes", "flash_bytes"), ("ram_bytes", "ram_bytes")])
def test_a_memory_that_is_too_small_by_one_byte_is_refused(metric: str, field: str) -> None:
    topology = residual_topology()
    candidate = uniform_candidate(topology, weight_bits=4, activation_bits=4)
    needed = candidate_cost(topology, candidate).metrics()[metric]
    check_candidate(target(**{field: needed}), topology, candidate)
    with pytest.raises(ExportError, match=rf"cannot take the network: {metric} = {needed}, but at most {needed - 1} "):
        check_candidate(target(**{field: needed - 1}), topology, candidate)
