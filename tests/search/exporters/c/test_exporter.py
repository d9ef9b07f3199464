"""The `c` format as a whole: files that compile anywhere, figures of what was run, and failures in one line."""

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search.exporters.c import exporter, host
from search.exporters.c.exporter import adversarial_codes, differing_predictions, export_c
from search.exporters.c.lowering import lower
from spaces.errors import ExportError
from tests.search.exporters.builders import make_export_context, make_model
from tests.search.exporters.c.running import needs_gcc

MODEL = make_model(shift=2)


def no_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporter, "BOARDS", ())


@needs_gcc
def test_the_self_test_passes_and_fails_when_a_weight_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    no_devices(monkeypatch)
    context = make_export_context(MODEL)
    exported = export_c(MODEL, tmp_path, context)
    assert exported.deployed_bytes == context.cost.size_bytes
    assert exported.checks["memory_bytes"] == context.cost.ram_bytes
    assert min(exported.checks["equal_codes_by_layer"].values()) >= 0.9999
    assert exported.figures is not None
    build = ["gcc", "-std=c99", "-o", "selftest", "model.c", "nn_kernels.c", "golden.c", "selftest.c"]
    subprocess.run(build, cwd=tmp_path, check=True)
    passed = subprocess.run(["./selftest"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (passed.returncode, passed.stdout) == (0, "0 of 4 golden vectors differ\n")
    source = (tmp_path / "model.c").read_text(encoding="utf-8")
    head = "node_dense_biases[3] = {\n    "
    (tmp_path / "model.c").write_text(source.replace(head, head + "1 + "), encoding="utf-8")
    subprocess.run(build, cwd=tmp_path, check=True)
    failed = subprocess.run(["./selftest"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (failed.returncode, failed.stdout) == (1, "4 of 4 golden vectors differ\n")


@needs_gcc
def test_other_codes_fail_the_export_with_the_layer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    no_devices(monkeypatch)
    other = replace(MODEL, weights={**MODEL.weights, "conv1/bias": MODEL.weights["conv1/bias"] + 1})
    monkeypatch.setattr(exporter, "lower", lambda model, grid: lower(other, grid))
    with pytest.raises(ExportError, match=r"values of 'conv1_norm_relu'; at least 99.99%"):
        export_c(MODEL, tmp_path, make_export_context(MODEL))


@needs_gcc
def test_other_answers_of_the_whole_c_fail_the_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    no_devices(monkeypatch)
    logits = host.HostProgram.logits
    monkeypatch.setattr(host.HostProgram, "logits", lambda self, codes: -logits(self, codes))
    with pytest.raises(ExportError, match=r"the C gives the trained network's answer on .*; at least 99% is expected"):
        export_c(MODEL, tmp_path, make_export_context(MODEL))


def test_another_size_than_the_search_counted_fails_the_export(tmp_path: Path) -> None:
    context = make_export_context(MODEL)
    other = make_export_context(make_model(shift=3))
    with pytest.raises(ExportError, match=r"bytes of constants; the search counted"):
        export_c(MODEL, tmp_path, replace(context, cost=other.cost))


def test_a_missing_compiler_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host.shutil, "which", lambda name: None)
    with pytest.raises(ExportError, match=r"needs gcc, which was not found; install it \(Debian: gcc\)"):
        export_c(MODEL, tmp_path, make_export_context(MODEL))


def test_a_missing_cross_compiler_is_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: Any) -> None:
        raise host.MissingToolError("no arm-none-eabi-gcc.")

    monkeypatch.setattr(exporter, "run_on_device", missing)
    found, notes = exporter._run_devices(tmp_path, lower(MODEL, make_export_context(MODEL).input_grid), 1)
    assert (found, notes) == ({}, ("Not built for Cortex-M: no arm-none-eabi-gcc.",))


def test_adversarial_codes_stay_in_their_balls() -> None:
    context = make_export_context(MODEL)
    x = context.input_grid.values(context.input_grid.codes(context.x))
    context = replace(context, x=x, adversarial=np.clip(context.adversarial, 0, 1))
    for epsilon, codes in zip(context.epsilons, adversarial_codes(context), strict=True):
        assert np.abs(context.input_grid.values(codes) - x).max() <= epsilon + 1e-6


def test_differing_predictions_tell_ties() -> None:
    trained = np.array([[1, 0], [1, 1], [2, 1], [0, 1], [1, 1 + 1e-6]], np.float32)
    found = np.array([[0, 3], [1, 2], [4, 1], [5, 5], [5, 5]], np.int32)
    differing = differing_predictions(trained, found)
    assert [(item["example"], item["is_exact_tie"]) for item in differing] == [
        (0, False),
        (1, True),
        (3, False),  # a tie that only the C has
        (4, True),
    ]


def test_differing_predictions_are_told_in_a_note() -> None:
    differing = differing_predictions(np.array([[1, 0], [1, 1]], np.float32), np.array([[0, 3], [1, 2]], np.int32))
    (note,) = exporter._differing_note(differing, 40)
    assert "another class than the trained network on 2 of 40 examples, 1 of them exact ties" in note
    assert exporter._differing_note([], 40) == ()
