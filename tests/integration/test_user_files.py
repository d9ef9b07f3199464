"""What users bring: their own network and data by import path, their own float model; and dry runs on drawn images."""

import csv
import io
import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from dashboards.figures.frame import SYNTHETIC_WARNING
from search.bootstrap import open_memory
from search.models.trained_model import weights_from_bytes
from storage.records import TrialState
from tests.integration.tiny import TRIALS, run_search, write_tiny

pytestmark = pytest.mark.slow

USER_MODULE = """
import numpy as np

from search.data.dataset import RawData
from search.models.topology import GlobalAveragePool
from search.models.topology_builder import TopologyBuilder


def build(*, input_shape, n_classes, width):
    builder = TopologyBuilder("mine", input_shape)
    x = builder.norm_relu(builder.conv(builder.input, "first", filters=round(8 * width), kernel_size=(3, 3)))
    x = builder.add(GlobalAveragePool(name="pool", inputs=(x,)))
    builder.dense(x, "logits", units=n_classes)
    return builder.build()


def load(data_dir):
    rng = np.random.default_rng(int((data_dir / "seed.txt").read_text()))
    y = np.arange(600) % 3
    x = rng.normal(0.2, 0.05, (600, 6, 6, 1)).clip(0, 1).astype(np.float32)
    x[y == 1, :, ::2] += 0.4
    x[y == 2, ::2, :] += 0.4
    parts = {"x_train": x[:450], "y_train": y[:450], "x_test": x[450:], "y_test": y[450:]}
    return RawData(name="stripes", input_scale=1.0, input_range=(0.0, 1.0), n_classes=3, image=True, **parts)
"""


def write_user_study(folder: Path) -> None:
    (folder / "mine.py").write_text(USER_MODULE)
    (folder / "seed.txt").write_text("1")
    changes = {
        'name = "tiny"': "",
        'name = "digits"\nvalidation_examples = 300': 'loader = "mine:load"\nvalidation_examples = 90',
        'name = "digits_cnn"\nwidth = [0.25]': 'builder = "mine:build"\nwidth = [0.5, 1.0]',
        "epochs = 3": "epochs = 6",
        "batch_size = 64": "batch_size = 32",
        f"trials = {TRIALS}": "trials = 2",
    }
    write_tiny(folder, changes, name="stripes.toml")


def test_network_and_data_of_the_user_s_own(tmp_path):
    write_user_study(tmp_path)
    launch = ("launch", "--study", "stripes.toml", "--data-dir", ".", "--storage", "my.db")
    done = run_search(*launch, folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "front --study stripes --storage my.db" in done.stdout
    repository = open_memory(str(tmp_path / "my.db")).repository
    study = repository.get_study("stripes")
    trials = repository.trials(study.id)
    assert [record.state for record in trials] == [TrialState.COMPLETE] * 2
    assert set(trials[0].candidate.policies) == {"first", "logits"}
    assert trials[0].candidate.topology == {"width": 1.0}
    assert study.data["name"] == "stripes"

    (tmp_path / "seed.txt").write_text("2")
    other = run_search(*launch, folder=tmp_path)
    assert (other.returncode, other.stderr.count("\n")) == (3, 1)
    assert "other data" in other.stderr
    assert study.data["fingerprint"][:12] in other.stderr
    assert len(set(other.stderr.replace(",", " ").split()) & {study.data["fingerprint"][:12]}) == 1


def write_parent(path: Path, weights: dict[str, np.ndarray]) -> None:
    """Write float weights as Keras' `.h5` does, with a softmax layer that has none."""
    fields = {
        "conv": ("kernel", "bias"),
        "dense": ("kernel", "bias"),
        "norm": ("gamma", "beta", "mean", "variance"),
    }
    keras_names = {"mean": "moving_mean", "variance": "moving_variance"}
    layers = list(dict.fromkeys(name.split("/")[0] for name in weights))
    with h5py.File(path, "w") as file:
        root = file.create_group("model_weights")
        root.attrs["layer_names"] = [*layers, "softmax"]
        root.create_group("softmax").attrs["weight_names"] = []
        for layer in layers:
            kind = "norm" if f"{layer}/gamma" in weights else layer.rstrip("0123456789")
            group = root.create_group(layer)
            names = {field: f"{layer}/{keras_names.get(field, field)}:0" for field in fields[kind]}
            group.attrs["weight_names"] = list(names.values())
            for field, name in names.items():
                group[name] = weights[f"{layer}/{field}"]


def test_own_float_model_on_drawn_images(tiny, tmp_path):
    memory = tiny.memory
    study = memory.repository.get_study("tiny")
    models = [set(memory.repository.artifacts(study.id, number).values()) for number in range(len(tiny.trials()))]
    (digest,) = memory.repository.referenced_digests() - set().union(*models)
    write_parent(tmp_path / "mine.h5", weights_from_bytes(memory.artifacts.get(digest)))
    write_tiny(tmp_path, {"clean_accuracy >= 0.3": "clean_accuracy >= 0"})  # so that the front is not empty
    launch = ("launch", "--study", "tiny.toml", "--data", "synthetic", "--trials", "2")

    done = run_search(*launch, "--parent", "mine.h5", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "training the float parent" not in done.stdout
    assert "Pareto front of tiny-synthetic: " in done.stdout
    assert SYNTHETIC_WARNING in done.stdout
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("trial   1")]
    assert line.endswith("  (synthetic)")

    without = run_search(*launch, folder=tmp_path)
    assert (without.returncode, without.stderr.count("\n")) == (3, 1)
    assert "parent.file: stored mine.h5, given None" in without.stderr

    named = ("--study", "tiny-synthetic")
    assert f"({SYNTHETIC_WARNING})" in run_search("status", *named, folder=tmp_path).stdout
    assert json.loads(run_search("status", *named, "--json", folder=tmp_path).stdout)["is_synthetic"] is True
    assert "(synthetic)" in run_search("studies", folder=tmp_path).stdout
    assert SYNTHETIC_WARNING in run_search("front", *named, folder=tmp_path).stdout
    rows = json.loads(run_search("front", *named, "--json", folder=tmp_path).stdout)
    assert [row["is_synthetic"] for row in rows] in ([True], [True, True])
    rows = list(csv.DictReader(io.StringIO(run_search("front", *named, "--csv", folder=tmp_path).stdout)))
    assert [row["is_synthetic"] for row in rows] in (["true"], ["true", "true"])
    assert run_search("report", *named, folder=tmp_path).returncode == 0
    assert "synthetic" in (tmp_path / "report.html").read_text().lower().replace("tiny-synthetic", "")

    exported = run_search("export", *named, "--select", "trial:1", "--out", "out", folder=tmp_path)
    assert exported.returncode == 0
    assert f"bytes ({SYNTHETIC_WARNING})" in exported.stdout
    manifest = json.loads((tmp_path / "out" / "tiny-synthetic-trial-1" / "manifest.json").read_text())
    assert manifest["data"]["is_synthetic"] is True
    notes = " ".join(manifest["notes"])
    assert "mine.h5" in notes
    assert "which may have seen the validation images" in notes
    assert "the figures mean nothing" in notes
    assert "mine.h5" in manifest["parent"]["source"]


def test_float_model_of_another_network_is_refused_before_the_study_begins(tmp_path):
    write_tiny(tmp_path)
    with h5py.File(tmp_path / "mine.h5", "w") as file:
        file.attrs["layer_names"] = []
    shown = run_search("launch", "--study", "tiny.toml", "--parent", "mine.h5", folder=tmp_path)
    assert (shown.returncode, shown.stderr.count("\n")) == (2, 1)
    assert "tiny.toml: parent.file = 'mine.h5' has 0 layers" in shown.stderr
    assert not (tmp_path / "studies.db").exists()


def test_launch_without_a_feasible_trial_says_so_and_offers_no_export(infeasible):
    shown = infeasible.launched
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "the Pareto front of tiny is empty, because no trial is feasible: 0 failed, 3 infeasible" in shown.stdout
    assert "baselines that are not on the front" in shown.stdout
    assert "search front --study tiny" in shown.stdout
    assert "search export" not in shown.stdout
