"""The exported model in the hands of someone who has QKeras and nothing of ours."""

import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest

from search.data.digits import load_digits
from search.data.splits import split
from search.selection import select_trial
from tests.integration.tiny import clean_environment, run_search

pytestmark = pytest.mark.slow

QKERAS_ALONE = """
import os, sys
os.environ["TF_USE_LEGACY_KERAS"] = "1"
import numpy as np
from qkeras.utils import load_qmodel
data = np.load(sys.argv[2])
logits = load_qmodel(sys.argv[1], compile=False).predict(data["x"], verbose=0)
assert not any(name.split(".")[0] in ("search", "spaces", "storage") for name in sys.modules)
print((logits.argmax(axis=1) == data["y"]).mean())
"""

EXTRA_FORMATS = ("tflite", "qonnx", "hls4ml")


def test_exported_model_is_the_one_that_the_manifest_describes(tiny, tmp_path):
    shown = run_search("export", "--study", "tiny", "--select", "knee", "--out", str(tmp_path), folder=tiny.folder)
    assert shown.returncode == 0, shown.stderr
    record = select_trial(tiny.memory.repository, "tiny", "knee")
    study = tiny.memory.repository.get_study("tiny")
    folder = tmp_path / f"tiny-trial-{record.number}"
    assert str(folder) in shown.stdout

    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["trial"] == record.number
    assert manifest["measurement"] == record.measurement.to_json()
    assert manifest["candidate"] == record.candidate.to_json()
    assert manifest["seed"] == record.seed
    assert manifest["spec"]["seed"] == 3
    assert manifest["spec_fingerprint"] == study.spec_fingerprint
    assert manifest["versions"] == study.versions
    assert set(manifest["versions"]) >= {"cosearch", "tensorflow", "qkeras", "optuna"}
    assert manifest["notes"] == []
    files = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert manifest["files_sha256"] == {name: value for name, value in files.items() if name != "manifest.json"}
    in_keras = {f"keras/{name}" for name in ("model.h5", "model_config.json", "parameters.bin")}
    assert set(files) == {*in_keras, "README.md", "manifest.json"}
    assert (folder / "keras" / "parameters.bin").stat().st_size == manifest["measurement"]["size_bytes"]

    data = split(load_digits(), validation_examples=300, attack_examples=40, seed=3)
    assert manifest["data"]["fingerprint"] == data.fingerprint
    np.savez(tmp_path / "validation.npz", x=data.validation.inputs(), y=data.validation.y)
    alone = subprocess.run(
        [sys.executable, "-c", QKERAS_ALONE, str(folder / "keras" / "model.h5"), str(tmp_path / "validation.npz")],
        cwd=tmp_path,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert alone.returncode == 0, alone.stderr
    assert float(alone.stdout) == manifest["measurement"]["clean_accuracy"]


# As the exporters promise: docs/export.md. QONNX computes what was trained, the others round.
_AGREEMENT = {"tflite": 0.9, "qonnx": 0.99, "hls4ml": 0.9}


def test_a_whole_front_is_exported_in_every_format_by_one_command(tiny, tmp_path):
    for tool in ("ai_edge_litert", "qonnx", "hls4ml"):
        pytest.importorskip(tool)
    shown = run_search(
        *("export", "--study", "tiny", "--select", "knee", "--select", "best:size_bytes", "--target", "cortex-m4"),
        *("--format", ",".join(("keras", *EXTRA_FORMATS)), "--out", str(tmp_path)),
        folder=tiny.folder,
    )
    assert shown.returncode == 0, shown.stderr
    chosen = {select_trial(tiny.memory.repository, "tiny", words).number for words in ("knee", "best:size_bytes")}
    assert {path.name for path in tmp_path.iterdir()} == {f"tiny-trial-{number}" for number in chosen}
    for number in chosen:
        folder = tmp_path / f"tiny-trial-{number}"
        manifest = json.loads((folder / "manifest.json").read_text())
        assert manifest["formats"]["keras"]["figures"] == manifest["trained_figures"]
        for name in EXTRA_FORMATS:
            figures = manifest["formats"][name]["figures"]
            agreement = figures["argmax_agreement"]
            assert agreement >= _AGREEMENT[name]
            # An answer that differs changes the accuracy by one example at most.
            clean = manifest["trained_figures"]["clean_accuracy"]
            assert abs(figures["clean_accuracy"] - clean) <= 1 - agreement + 1e-9
            # Examples made to fool the trained network fool another one no more than itself, but for few.
            assert figures["robust_accuracy"] >= manifest["trained_figures"]["robust_accuracy"] - 0.05
        assert manifest["target"]["name"] == "cortex-m4"
        files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        assert set(manifest["files_sha256"]) == files - {"manifest.json"}
