"""Formats of the `export` extra: what their own tools make of the files, on every kind of layer and width."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search.exporters import qonnx as qonnx_exporter
from search.exporters import tflite as tflite_exporter
from search.exporters.base import Exported
from search.exporters.bundle import EXPORTERS
from search.exporters.readback import READERS, run_in_batches
from search.models.topology import Topology
from spaces.errors import ExportError
from spaces.targets import load_target
from tests.search.exporters.builders import make_export_context, make_model
from tests.search.models.builders import flat_topology, identity_block_topology, residual_topology

TOPOLOGIES = (residual_topology, identity_block_topology, flat_topology)
BuildTopology = Callable[[], Topology]


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read files back in this process, which is a matter of time alone."""

    def run(name: str, folder: Path, x: Any) -> Any:
        return run_in_batches(READERS[name](folder), x)

    monkeypatch.setattr(qonnx_exporter, "run_fresh", run)
    monkeypatch.setattr(tflite_exporter, "run_fresh", run)


def export(name: str, folder: Path, topology: Topology, *, shift: int) -> Exported:
    model = make_model(shift=shift, topology=topology)
    return EXPORTERS[name](model, folder, make_export_context(model))


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("build", TOPOLOGIES)
@pytest.mark.parametrize("shift", [0, 3, 6])
def test_qonnx_gives_the_trained_logits(tmp_path: Path, build: BuildTopology, shift: int) -> None:
    pytest.importorskip("qonnx")
    exported = export("qonnx", tmp_path, build(), shift=shift)
    assert exported.figures is not None
    assert exported.figures.argmax_agreement == 1.0
    assert exported.figures.largest_logit_difference < 1e-4


@pytest.mark.usefixtures("in_process")
def test_qonnx_has_a_quantizer_for_every_kernel_and_activation(tmp_path: Path) -> None:
    pytest.importorskip("qonnx")
    model = make_model()  # its first layer is binary
    nodes = export("qonnx", tmp_path, model.topology, shift=0).checks["nodes"]
    n_binary = sum(policy.weight_bits == 1 for policy in model.candidate.policies.values())
    n_quantized = len(model.candidate.policies) - n_binary + len(model.topology.activation_owner)
    assert nodes == {"Quant": n_quantized, "BipolarQuant": n_binary}
    assert n_binary == 1


@pytest.mark.slow  # converts three times
@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("build", TOPOLOGIES)
def test_tflite_is_int8_throughout_and_answers_as_trained(tmp_path: Path, build: BuildTopology) -> None:
    pytest.importorskip("ai_edge_litert")
    from ai_edge_litert.interpreter import Interpreter

    topology = build()
    exported = export("tflite", tmp_path, topology, shift=3)
    interpreter = Interpreter(model_path=str(tmp_path / "model.tflite"))
    ends = (*interpreter.get_input_details(), *interpreter.get_output_details())
    assert [detail["dtype"] for detail in ends] == [np.int8, np.int8]
    assert exported.checks["tensor_types"] == ["int32", "int8"]
    assert exported.deployed_bytes == (tmp_path / "model.tflite").stat().st_size
    assert exported.figures is not None
    assert exported.figures.argmax_agreement >= 0.95
    weights = sum(layer.n_weights for layer in topology.geometry)
    assert exported.checks["weight_bytes_at_8_bits"] == weights
    assert exported.checks["weight_bytes_added"] == weights - exported.checks["weight_bytes_packed"]
    assert f"{weights:,} bytes" in exported.notes[0]


@pytest.mark.usefixtures("in_process")
def test_tflite_stores_the_trained_codes(tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    from ai_edge_litert.interpreter import Interpreter

    from search.exporters.packing import folded_norm, layer_codes

    model = make_model(shift=3, topology=flat_topology())
    EXPORTERS["tflite"](model, tmp_path, make_export_context(model))
    interpreter = Interpreter(model_path=str(tmp_path / "model.tflite"))
    layer = model.topology.layers[0]
    codes, _ = layer_codes(model, layer)
    multiplier, _ = folded_norm(model, layer)
    expected = np.moveaxis(codes * np.sign(multiplier), -1, 0).astype(np.int8)
    stored = [
        interpreter.get_tensor(detail["index"])
        for detail in interpreter.get_tensor_details()
        if tuple(detail["shape"]) == expected.shape
    ]
    assert any(np.array_equal(kernel, expected) for kernel in stored)


@pytest.mark.slow
@pytest.mark.usefixtures("in_process")
def test_tflite_that_is_too_large_for_the_flash_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    model = make_model()
    small = load_target("generic").model_copy(update={"flash_bytes": 2000, "name": "small"})
    with pytest.raises(ExportError, match=r"target 'small' cannot take model\.tflite: .* but 2,000 bytes of flash"):
        EXPORTERS["tflite"](model, tmp_path, make_export_context(model, target=small))


@pytest.mark.slow
@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("name", ["qonnx", "tflite"])
def test_other_answers_fail_the_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    pytest.importorskip("qonnx" if name == "qonnx" else "ai_edge_litert")
    module = qonnx_exporter if name == "qonnx" else tflite_exporter
    run = module.run_fresh
    monkeypatch.setattr(module, "run_fresh", lambda *given: -run(*given))
    with pytest.raises(ExportError, match=r"gives (other logits than|the trained network's answer on)"):
        export(name, tmp_path, residual_topology(), shift=1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("build", "shift"),
    [(residual_topology, 0), (residual_topology, 6), (identity_block_topology, 3), (flat_topology, 5)],
)
def test_hls4ml_converts_without_a_default_type_and_simulates(tmp_path: Path, build: BuildTopology, shift: int) -> None:
    pytest.importorskip("hls4ml")
    topology = build()
    exported = export("hls4ml", tmp_path, topology, shift=shift)
    assert exported.figures is not None
    assert exported.figures.n_examples == 40
    assert exported.figures.argmax_agreement >= 0.95
    assert set(exported.checks["weight_types"]) == {layer.name for layer in topology.layers}
    assert (tmp_path / "project" / "firmware" / "parameters.h").exists()
    assert not list(tmp_path.rglob("*.so"))
