"""What the C export refuses, with the node and the reason; and numbers of a lowered layer by hand."""

import numpy as np
import pytest

from search.data.input_grid import InputGrid
from search.exporters.c.lowering import lower
from search.models.topology import Add, GlobalAveragePool, Rescale, Topology
from search.models.topology_builder import TopologyBuilder
from spaces.errors import ExportError
from tests.search.exporters.builders import make_model
from tests.search.models.builders import flat_topology

GRID = InputGrid(scale=1 / 255)


def topology_of(kind: str) -> Topology:
    builder = TopologyBuilder(kind, (4, 4, 2))
    x = builder.conv(builder.input, "conv", filters=2, kernel_size=(3, 3))
    if kind == "conv_on_sums":
        x = builder.relu(builder.conv(x, "second", filters=2, kernel_size=(3, 3)))
    elif kind == "pool_of_sums":
        pass
    elif kind == "input_added":
        x = builder.relu(builder.add(Add(name="add", inputs=(x, builder.input))))
    else:
        x = builder.add(Rescale(name="rescale", inputs=(builder.relu(x),), factor=-1.0))
    x = builder.add(GlobalAveragePool(name="pool", inputs=(x,)))
    builder.dense(x, "dense", units=2)
    return builder.build()


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("conv_on_sums", "layer 'second' reads 'conv', which no activation has quantized"),
        ("pool_of_sums", "node 'pool' averages values that no activation has quantized"),
        ("input_added", "node 'input' is added as it is, but its scale 0.00392157 is no power of two"),
        ("negative", "node 'rescale': the C export needs a Rescale factor above 0; got -1"),
    ],
)
def test_what_the_kernels_lack_is_refused_by_name(kind: str, message: str) -> None:
    with pytest.raises(ExportError, match=message):
        lower(make_model(topology=topology_of(kind)), GRID)


def test_factors_and_biases_of_a_layer_are_those_of_the_network() -> None:
    model = make_model(topology=flat_topology())
    step = lower(model, InputGrid(scale=0.5)).steps[0]
    (layer,) = step.layers
    assert layer.multipliers is None
    assert layer.multiplier == 2**30
    unit = 2.0**step.unit_exponent
    np.testing.assert_allclose(layer.biases * unit, model.weights["conv/bias"], atol=unit / 2, rtol=0)
    assert (layer.in_shape, layer.kernel_size, layer.strides, layer.pads) == ((5, 4, 2), (3, 2), (2, 1), (0, 0))


def test_the_zero_point_is_taken_off_the_bias_and_padded_with() -> None:
    model = make_model(topology=flat_topology())
    plain, shifted = (lower(model, InputGrid(scale=0.5, zero_point=zero)).steps[0] for zero in (0, 10))
    assert (plain.layers[0].zero, shifted.layers[0].zero) == (0, 10)
    assert plain.layers[0].weights == shifted.layers[0].weights
    assert not np.array_equal(plain.layers[0].biases, shifted.layers[0].biases)
