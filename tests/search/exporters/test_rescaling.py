"""Rescales in every place that a topology can have them: folded where that is right, refused where it is not."""

from collections.abc import Callable

import numpy as np
import pytest

from search.exporters.hls4ml_model import build_hls4ml_model
from search.exporters.rescaling import rescaled_inputs
from search.exporters.tflite_graph import convert
from search.models.topology import Add, Flatten, GlobalAveragePool, Rescale, Topology
from search.models.topology_builder import TopologyBuilder
from spaces.errors import ExportError
from tests.search.exporters.builders import make_export_context, make_model, plain_logits

UNIT = (0.0, 1.0)


def rescaled(builder: TopologyBuilder, source: str, name: str, factor: float) -> str:
    return builder.add(Rescale(name=name, inputs=(source,), factor=factor))


def convolved(builder: TopologyBuilder, source: str, name: str) -> str:
    return builder.relu(builder.conv(source, name, filters=6, kernel_size=(3, 3)))


def finished(builder: TopologyBuilder, source: str) -> Topology:
    builder.dense(builder.add(GlobalAveragePool(name="pool", inputs=(source,))), "dense", units=3)
    return builder.build()


def chain_at_the_input() -> Topology:
    builder = TopologyBuilder("chain", (4, 4, 2))
    x = rescaled(builder, rescaled(builder, builder.input, "first", 8.0), "second", 0.25)
    return finished(builder, convolved(builder, x, "conv0"))


def flattened_input() -> Topology:
    builder = TopologyBuilder("flattened", (4, 4, 2))
    x = builder.add(Flatten(name="flatten", inputs=(rescaled(builder, builder.input, "rescale", 4.0),)))
    builder.dense(builder.relu(builder.dense(x, "conv0", units=12)), "dense", units=3)
    return builder.build()


def between_layers() -> Topology:
    builder = TopologyBuilder("between_layers", (4, 4, 2))
    x = rescaled(builder, convolved(builder, builder.input, "conv0"), "rescale", -3.0)
    return finished(builder, convolved(builder, x, "conv1"))


def before_an_activation() -> Topology:
    builder = TopologyBuilder("before_an_activation", (4, 4, 2))
    x = builder.conv(builder.input, "conv0", filters=6, kernel_size=(3, 3))
    return finished(builder, builder.relu(rescaled(builder, x, "rescale", 3.0)))


def parallel_branches() -> Topology:
    builder = TopologyBuilder("parallel_branches", (4, 4, 2))
    main = builder.conv(rescaled(builder, builder.input, "rescale", 2.0), "conv0", filters=6, kernel_size=(3, 3))
    shortcut = builder.conv(builder.input, "shortcut", filters=6, kernel_size=(1, 1))
    return finished(builder, builder.relu(builder.add(Add(name="add", inputs=(main, shortcut)))))


def test_an_input_is_seen_through_rescales_and_flattenings() -> None:
    topology = chain_at_the_input()
    (value,) = rescaled_inputs(topology, topology.by_name["conv0"])
    assert (value.origin.name, [node.name for node in value.rescales], value.factor) == (
        "input",
        ["second", "first"],
        2.0,
    )
    (plain,) = rescaled_inputs(topology, topology.by_name["pool"])
    assert (plain.origin.name, plain.factor) == ("conv0_relu", 1.0)


@pytest.mark.parametrize("build", [chain_at_the_input, flattened_input, between_layers, parallel_branches])
def test_tflite_answers_as_the_network_does(build: Callable[[], Topology]) -> None:
    interpreters = pytest.importorskip("ai_edge_litert.interpreter")
    model = make_model(shift=6, topology=build())
    context = make_export_context(model, examples=60)
    content = convert(model, calibration=context.calibration, input_range=UNIT)
    interpreter = interpreters.Interpreter(model_content=content)
    interpreter.allocate_tensors()
    (given,), (found,) = interpreter.get_input_details(), interpreter.get_output_details()
    scale, zero = found["quantization"]
    logits = []
    for x in context.x:
        interpreter.set_tensor(given["index"], (np.round(x[None] * 255) - 128).astype(np.int8))
        interpreter.invoke()
        logits.append((interpreter.get_tensor(found["index"])[0].astype(np.float32) - zero) * scale)
    expected = plain_logits(model, context.x)
    assert np.abs(np.array(logits) - expected).max() <= 0.1 * np.abs(expected).max()


def test_tflite_refuses_a_rescale_that_no_layer_reads() -> None:
    model = make_model(topology=before_an_activation())
    with pytest.raises(ExportError, match=r"tflite: node 'rescale_relu' of type Relu reads what 'rescale' rescales"):
        convert(model, calibration=make_export_context(model).calibration, input_range=UNIT)


@pytest.mark.parametrize(("build", "factor"), [(chain_at_the_input, 2.0), (flattened_input, 4.0)])
def test_hls4ml_takes_the_rescales_of_the_input_into_the_inputs(build: Callable[[], Topology], factor: float) -> None:
    model = make_model(shift=3, topology=build())
    context = make_export_context(model)
    prepared = build_hls4ml_model(model, context.calibration, UNIT)
    assert prepared.input_factor == factor
    found = prepared.keras(context.x * np.float32(factor)).numpy()
    np.testing.assert_allclose(found, plain_logits(model, context.x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (between_layers, "hls4ml: node 'rescale' rescales what 'conv0_relu' gives"),
        (before_an_activation, "hls4ml: node 'rescale' rescales what 'conv0' gives"),
        (parallel_branches, "hls4ml: the network's inputs are read 'conv0' times 2, 'shortcut' times 1"),
    ],
)
def test_hls4ml_refuses_other_rescales(build: Callable[[], Topology], message: str) -> None:
    model = make_model(topology=build())
    with pytest.raises(ExportError, match=message):
        build_hls4ml_model(model, make_export_context(model).calibration, UNIT)
