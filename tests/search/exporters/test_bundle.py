"""The bundle of one trial: checked files with their hashes, or nothing at all; and a model that QKeras alone loads."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search.exporters import keras as keras_exporter
from search.exporters import optional_tools
from search.exporters.base import ExportContext, Exported
from search.exporters.bundle import EXPORTERS, BundleRequest, write_bundle
from search.exporters.fresh_process import run_fresh
from search.exporters.names import FORMATS
from search.exporters.packing import pack_model
from search.exporters.readback import READERS
from search.models.classifier import NetworkClassifier
from search.models.network import Network
from search.models.trained_model import TrainedModel
from spaces.check_result import CheckResult
from spaces.errors import ArtifactError, ExportError
from spaces.targets import load_target
from spaces.work_steps import WorkSteps
from storage.artifacts import ArtifactStore
from storage.audits import AuditRecord
from storage.records import StudyRecord, TrialRecord, TrialState
from tests.builders import build_measurement, build_spec
from tests.dashboards.builders import make_audit, make_check, make_outcome
from tests.search.exporters.builders import make_data, make_model
from tests.search.models.builders import make_inputs

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def build_study(**data: Any) -> StudyRecord:
    spec = build_spec()
    return StudyRecord(
        id=1,
        name="tiny",
        spec=spec.model_dump(mode="json"),
        spec_fingerprint=spec.fingerprint,
        data={"name": "digits", "is_synthetic": False, **data},
        versions={"python": "3.11"},
        created_at=NOW,
    )


def build_trial(model: TrainedModel, **details: Any) -> TrialRecord:
    return TrialRecord(
        number=7,
        state=TrialState.COMPLETE,
        candidate=model.candidate,
        seed=42,
        measurement=build_measurement(0.9, 0.5, size_bytes=100),
        violations=(),
        reason=None,
        timings={},
        details=details,
        owner="w",
        is_told=True,
        started_at=NOW,
        finished_at=NOW,
    )


class Shelf:
    """A trial with its stored model, and a folder to export to."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "artifacts"
        self.out = folder / "out"
        self.model = make_model(shift=3)
        self.artifacts = ArtifactStore(self.root)
        self.digests = {name: self.artifacts.put(content) for name, content in self.model.to_files().items()}

    def write(
        self, *, digests: Mapping[str, str] | None = None, audits: Sequence[AuditRecord] = (), **changes: Any
    ) -> Path:
        study, trial = changes.pop("study", build_study()), changes.pop("trial", build_trial(self.model))
        data = make_data(self.model.topology)
        request = BundleRequest(**{"formats": ["keras"], "out": self.out, "data": data, **changes})
        used = self.digests if digests is None else digests
        return write_bundle(study, trial, request, digests=used, artifacts=self.artifacts, audits=audits)

    def leftovers(self) -> list[str]:
        return sorted(path.name for path in self.out.iterdir()) if self.out.exists() else []


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Shelf, Path]:
    shelf = Shelf(tmp_path_factory.mktemp("bundle"))
    return shelf, shelf.write()


def expected_logits(model: TrainedModel, x: Any) -> Any:
    network = Network(model.topology)
    network.load_weights(model.weights)
    network.load_policies(model.candidate, model.integer_bits)
    classifier = NetworkClassifier(network, input_range=(0.0, 1.0))
    classifier.refresh()
    return classifier.logits(x)


def test_steps_are_the_attack_and_every_format(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(_model: TrainedModel, _folder: Path, _context: ExportContext) -> Exported:
        raise ExportError("enough was seen.")

    told: list[WorkSteps] = []
    monkeypatch.setitem(EXPORTERS, "c", nothing)
    with pytest.raises(ExportError, match="enough was seen"):
        shelf.write(formats=["keras", "c"], on_steps=told.append)
    assert [(steps.what, steps.done, steps.total) for steps in told[1:]] == [("[1/2] keras", 1, 3), ("[2/2] c", 2, 3)]
    assert told[0].what.startswith("attacking the trained network on ")
    assert (told[0].done, told[0].total) == (0, 3)


def test_stored_model_reads_back_equal() -> None:
    model = make_model(shift=1)
    again = TrainedModel.from_files(model.to_files())
    assert again.topology == model.topology
    assert again.candidate == model.candidate
    assert again.integer_bits == model.integer_bits
    for name, value in model.weights.items():
        np.testing.assert_array_equal(again.weights[name], value)
    assert again.to_files() == model.to_files()


def test_manifest_has_the_hash_of_every_file(written: tuple[Shelf, Path]) -> None:
    shelf, folder = written
    assert folder == shelf.out / "tiny-trial-7"
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert files == {
        "README.md",
        "keras/model.h5",
        "keras/model_config.json",
        "keras/parameters.bin",
        "manifest.json",
    }
    assert set(manifest["files_sha256"]) == files - {"manifest.json"}
    for name, digest in manifest["files_sha256"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert shelf.leftovers() == ["tiny-trial-7"]


def test_manifest_says_what_was_exported_and_checked(written: tuple[Shelf, Path]) -> None:
    shelf, folder = written
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert (manifest["study"], manifest["trial"], manifest["seed"]) == ("tiny", 7, 42)
    assert manifest["candidate"] == shelf.model.candidate.to_json()
    assert manifest["measurement"]["clean_accuracy"] == 0.9
    exported = manifest["formats"]["keras"]
    assert exported["figures"] == manifest["trained_figures"]
    assert (exported["figures"]["n_examples"], exported["figures"]["argmax_agreement"]) == (40, 1.0)
    assert exported["deployed_bytes"] == exported["checks"]["parameters_bytes"]
    assert exported["deployed_bytes"] == (folder / "keras" / "parameters.bin").stat().st_size
    assert manifest["notes"] == []
    assert (folder / "keras" / "parameters.bin").read_bytes() == pack_model(shelf.model)


@pytest.mark.slow
def test_exported_model_loads_with_qkeras_alone_and_gives_the_same_logits(
    written: tuple[Shelf, Path], tmp_path: Path
) -> None:
    shelf, folder = written
    x = make_inputs(shelf.model.topology, 16, seed=8)
    np.save(tmp_path / "x.npy", x)
    script = (
        "import sys, numpy as np\n"
        "from qkeras.utils import load_qmodel\n"
        "model = load_qmodel(sys.argv[1], compile=False)\n"
        "np.save('logits.npy', model(np.load('x.npy')).numpy())\n"
        "assert not {'search', 'spaces', 'storage'} & set(sys.modules)\n"
    )
    subprocess.run(
        [sys.executable, "-c", script, str(folder / "keras" / "model.h5")],
        cwd=tmp_path,
        env={**os.environ, "TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "2"},
        check=True,
        capture_output=True,
    )
    np.testing.assert_array_equal(np.load(tmp_path / "logits.npy"), expected_logits(shelf.model, x))


def fake_exporter(model: TrainedModel, folder: Path, context: ExportContext) -> Exported:
    (folder / "fake.bin").write_bytes(b"content")
    return Exported(checks={"checked": True}, figures=None)


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Two formats that are not real; a test replaces the second."""
    for name in ("fake", "failing"):
        monkeypatch.setitem(EXPORTERS, name, fake_exporter)
        monkeypatch.setitem(FORMATS, name, "not real")
    return monkeypatch


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read Keras files back in this process, which is a matter of time alone."""
    monkeypatch.setattr(keras_exporter, "run_fresh", lambda name, folder, x: READERS[name](folder)(x))


def test_every_format_has_a_name_that_is_listed_without_tensorflow() -> None:
    assert set(EXPORTERS) <= set(FORMATS)
    script = (
        "import sys; from search.exporters.names import FORMATS; from spaces.target_names import target_names\n"
        "assert FORMATS and target_names() and not {'tensorflow', 'onnx'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.usefixtures("fakes")
def test_notes_name_the_users_parent_and_synthetic_data(shelf: Shelf) -> None:
    study = build_study(is_synthetic=True, note="Drawn images.")
    trial = build_trial(shelf.model, parent={"source": "mine.h5"})
    folder = shelf.write(formats=["fake"], study=study, trial=trial)
    notes = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["notes"]
    assert notes == [
        "Drawn images.",
        "The float parent is the user's file mine.h5.",
        "Synthetic data: a dry run of the pipeline, the figures mean nothing.",
    ]


@pytest.mark.usefixtures("fakes")
def test_an_existing_folder_is_left_alone(shelf: Shelf) -> None:
    (shelf.out / "tiny-trial-7").mkdir(parents=True)
    with pytest.raises(ExportError, match="tiny-trial-7 exists; remove it or choose another --out"):
        shelf.write(formats=["fake"])
    assert list((shelf.out / "tiny-trial-7").iterdir()) == []
    assert shelf.leftovers() == ["tiny-trial-7"]


@pytest.mark.parametrize(
    ("formats", "named"),
    [(["keras", "coffee"], "got coffee"), ([], "got nothing"), (["keras", "keras"], "once; got keras, keras")],
)
def test_an_unknown_format_is_refused_with_the_known_ones(shelf: Shelf, formats: list[str], named: str) -> None:
    with pytest.raises(ExportError, match=f"--format takes .*{named}"):
        shelf.write(formats=formats)
    assert shelf.leftovers() == []


def test_a_trial_without_stored_model_is_refused_with_the_way_out(shelf: Shelf) -> None:
    with pytest.raises(ArtifactError, match=r"trial 7 of study 'tiny' has no stored model.*--keep-all"):
        shelf.write(digests={})


def test_a_model_that_lacks_a_file_is_refused(shelf: Shelf) -> None:
    with pytest.raises(ArtifactError, match=r"lacks weights\.npz"):
        shelf.write(digests={"model.json": shelf.digests["model.json"]})
    assert shelf.leftovers() == []


def test_a_damaged_artifact_is_refused(shelf: Shelf) -> None:
    digest = shelf.digests["weights.npz"]
    path = shelf.root / digest[:2] / digest
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(ArtifactError, match="is damaged"):
        shelf.write()
    assert shelf.leftovers() == []


@pytest.mark.parametrize(
    "error", [ExportError("check failed."), OSError(28, "No space left on device"), RuntimeError()]
)
def test_an_exporter_that_fails_leaves_nothing(shelf: Shelf, fakes: pytest.MonkeyPatch, error: Exception) -> None:
    def failing(model: TrainedModel, folder: Path, context: ExportContext) -> Exported:
        (folder / "half.bin").write_bytes(b"half")
        raise error

    fakes.setitem(EXPORTERS, "failing", failing)
    expected = ExportError if isinstance(error, OSError) else type(error)
    with pytest.raises(expected):
        shelf.write(formats=["fake", "failing"])
    assert shelf.leftovers() == []


def test_a_folder_that_cannot_be_written_is_named(shelf: Shelf, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ExportError, match=r"--out .*file cannot be written"):
        shelf.write(out=tmp_path / "file")


@pytest.mark.usefixtures("in_process")
def test_other_logits_after_reloading_fail_the_export(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    build = keras_exporter.build_qkeras

    def with_a_wrong_bias(*arguments: Any, **options: Any) -> Any:
        built = build(*arguments, **options)
        kernel, bias = built.get_layer("dense").get_weights()
        built.get_layer("dense").set_weights([kernel, bias + 0.5])
        return built

    monkeypatch.setattr(keras_exporter, "build_qkeras", with_a_wrong_bias)
    with pytest.raises(ExportError, match=r"other logits .*largest difference 0\.5"):
        shelf.write()
    assert shelf.leftovers() == []


def test_a_flash_image_of_another_size_fails_the_export(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras_exporter, "pack_model", lambda model: pack_model(model) + b"!")
    with pytest.raises(ExportError, match="the search counted size_bytes"):
        shelf.write()
    assert shelf.leftovers() == []


def test_a_format_whose_tool_is_missing_names_the_extra(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optional_tools, "find_spec", lambda _: None)
    with pytest.raises(ExportError, match=r"--format qonnx needs onnx, qonnx, not installed.*cosearch\[export\]"):
        shelf.write(formats=["qonnx"])
    assert shelf.leftovers() == []


@pytest.mark.slow  # a process that loads TensorFlow
def test_files_that_cannot_be_read_back_fail_with_the_last_line(tmp_path: Path) -> None:
    (tmp_path / "model.h5").write_bytes(b"no model")
    with pytest.raises(
        ExportError, match=r"keras: reading it back failed in a fresh process: .*is no Keras \.h5 model"
    ):
        run_fresh("keras", tmp_path, np.zeros((1, 2), np.float32))


def test_a_target_that_cannot_take_a_layer_refuses_it(shelf: Shelf) -> None:
    with pytest.raises(
        ExportError, match=r"target 'x-cube-ai' cannot take layer '\w+': it has weight_bits = \d, .*8\]"
    ):
        shelf.write(target=load_target("x-cube-ai"))
    assert shelf.leftovers() == []


def test_manifest_names_the_target(shelf: Shelf, fakes: pytest.MonkeyPatch) -> None:
    folder = shelf.write(formats=["fake"], target=load_target("cortex-m4"))
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["target"]["name"] == "cortex-m4"
    assert "Made for target cortex-m4" in (folder / "README.md").read_text(encoding="utf-8")


def test_model_card_has_figures_with_intervals_and_the_checks_that_fired(
    shelf: Shelf, fakes: pytest.MonkeyPatch
) -> None:
    check = CheckResult(name="twin-gap", value=0.25, bound=0.1, passed=False)
    measurement = replace(build_measurement(0.9, 0.5, size_bytes=100), checks=(check,))
    study = build_study(validation_examples=100, attack_examples=50)
    trial = replace(build_trial(shelf.model), measurement=measurement)
    card = (shelf.write(formats=["fake"], study=study, trial=trial) / "README.md").read_text(encoding="utf-8")
    # Wilson, 90 of 100: (0.9 + 1.9207/100 +- 1.96 * sqrt(0.0009 + 0.9604/10000)) / 1.038415 = 0.8851 +- 0.0596.
    assert "clean accuracy on the validation split: 90.0% [82.6, 94.5] of 100 examples" in card
    assert "- twin-gap: 0.25, bound 0.1" in card
    assert "| conv0 | 3 | 6 | 0 |" in card
    assert "100.0% [91.2, 100.0]" in card  # the trained network agrees with itself, 40 of 40
    assert "## Audits\n\nNone are stored with this trial." in card


def test_what_finished_audits_found_is_told_once(shelf: Shelf, fakes: pytest.MonkeyPatch) -> None:
    attacks = [make_outcome("pgd", ["1101", "1000"], epsilons=(0.1, 0.2))]
    audits = [
        make_audit(7, attacks, right="1101", checks=[make_check("restarts", 0.01, 0.02, passed=True)]),
        make_audit(7, attacks, right="1101", checks=[make_check("full_range", 0.04, 0.01)], is_quick=True),
        make_audit(7, attacks, right="1101", checks=[make_check("restarts", 0.03, 0.02)], is_quick=True),
        make_audit(7, attacks, right="1101", n_planned=3, checks=None),
    ]
    folder = shelf.write(formats=["fake"], audits=audits)
    card = (folder / "README.md").read_text(encoding="utf-8")
    figures = "clean 75.0%, under the worst of all L-inf attacks 75.0% at 0.1, 25.0% at 0.2"
    assert (
        f"- 4 test examples, a tenth of the effort: {figures}; checks that fired: restarts 0.03 (bound 0.02).\n" in card
    )
    assert f"- 4 test examples, full effort: {figures}; no check fired.\n" in card
    assert card.count("4 test examples") == 2, "an audit that was made anew or is not finished says nothing"
    stored = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["audits"]
    assert [(audit["is_quick"], audit["clean_accuracy"]) for audit in stored] == [(False, 0.75), (True, 0.75)]
    assert stored[0]["worst_case"] == {"linf": {"radii": [0.1, 0.2], "accuracy": [0.75, 0.25]}}
    assert [check["passed"] for check in stored[1]["checks"]] == [False]
