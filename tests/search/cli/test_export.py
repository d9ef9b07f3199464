"""Bad input of `export`: one line, exit code 2, nothing left behind; and one export from the command line."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from search.bootstrap import Memory, create_memory
from search.exporters import optional_tools
from search.exporters.c import host
from tests.builders import build_outcome, run_trial
from tests.search.cli.running import Ran, make_runner
from tests.search.random_model import random_model
from tests.search.trained_digits import digits_dataset, digits_spec


class Shelf:
    """A study on digits with two complete trials; the first one's model is stored."""

    def __init__(self, folder: Path) -> None:
        self.out = folder / "out"
        self.database = str(folder / "studies.db")
        self.memory: Memory = create_memory(self.database)
        spec = digits_spec()
        study = self.memory.repository.create_study(
            name=spec.name,
            spec=spec.model_dump(mode="json"),
            spec_fingerprint=spec.fingerprint,
            data=digits_dataset().describe(),
            versions={},
        )
        model = random_model()
        self.digests = {name: self.memory.artifacts.put(content) for name, content in model.to_files().items()}
        for number, digests in enumerate((self.digests, {})):
            outcome = build_outcome(0.5, 0.25, size_bytes=500)
            run_trial(self.memory.claims, study.id, number, outcome, candidate=model.candidate, artifacts=digests)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


@pytest.fixture
def export(shelf: Shelf, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    run = make_runner(monkeypatch, capsys)

    def call(*arguments: str) -> Ran:
        named = ("--study", "digits", "--storage", shelf.database, "--select", "trial:0", "--out", str(shelf.out))
        return run("export", *named, *arguments)

    return call


def check_refused(ran: Ran, shelf: Shelf, said: str) -> None:
    assert ran.code == 2
    assert said in ran.errors
    assert ran.errors.count("\n") == 1
    assert not shelf.out.exists() or list(shelf.out.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--format", "keras,onnx"), "--format takes keras"),
        (("--target", "toaster"), "unknown target 'toaster'; presets: cortex-m0plus"),
        (("--target", "x-cube-ai"), "target 'x-cube-ai' cannot take layer 'conv0': it has weight_bits = 4"),
        (("--select", "trial:1"), "has no stored model"),
        (("--select", "smallest"), "a trial is chosen by"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    shelf: Shelf, export: Callable[..., Ran], arguments: tuple[str, ...], said: str
) -> None:
    check_refused(export(*arguments), shelf, said)


def test_a_damaged_artifact_is_refused(shelf: Shelf, export: Callable[..., Ran]) -> None:
    digest = shelf.digests["weights.npz"]
    path = shelf.memory.artifacts.root / digest[:2] / digest
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    check_refused(export(), shelf, "is damaged")


def test_a_folder_that_is_not_empty_is_left_as_it_is(shelf: Shelf, export: Callable[..., Ran]) -> None:
    (shelf.out / "digits-trial-0").mkdir(parents=True)
    (shelf.out / "digits-trial-0" / "mine.txt").write_text("mine")
    ran = export()
    assert (ran.code, ran.errors.count("\n")) == (2, 1)
    assert "digits-trial-0 exists; remove it or choose another --out" in ran.errors
    assert [path.name for path in shelf.out.rglob("*")] == ["digits-trial-0", "mine.txt"]


def test_an_unwritable_folder_is_named(shelf: Shelf, export: Callable[..., Ran]) -> None:
    shelf.out.write_text("a file is in the way")
    ran = export()
    assert (ran.code, ran.errors.count("\n")) == (2, 1)
    assert f"--out {shelf.out} cannot be written" in ran.errors


@pytest.mark.parametrize("name", ["tflite", "qonnx", "hls4ml"])
def test_a_missing_tool_names_the_extra(
    shelf: Shelf, export: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(optional_tools, "find_spec", lambda _: None)
    check_refused(export("--format", name), shelf, "pip install 'cosearch[export]'")


def test_a_missing_compiler_is_told_before_any_format_is_written(
    shelf: Shelf, export: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host.shutil, "which", lambda name: None)
    check_refused(export("--format", "keras,c"), shelf, "needs gcc, which was not found; install it (Debian: gcc)")


@pytest.mark.slow  # a process that loads TensorFlow
def test_an_export_prints_its_figures_and_its_folder(shelf: Shelf, export: Callable[..., Ran]) -> None:
    ran = export("--examples", "20")
    assert ran.code == 0
    assert f"exported and checked: {shelf.out / 'digits-trial-0'}" in ran.output
    manifest = json.loads((shelf.out / "digits-trial-0" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["trained_figures"]["n_examples"] == 20
    assert f"{manifest['trained_figures']['clean_accuracy']:.4f}" in ran.output


@pytest.mark.slow  # attacks a network
def test_an_export_with_another_copy_of_the_data_says_so(
    shelf: Shelf, export: Callable[..., Ran], caplog: pytest.LogCaptureFixture
) -> None:
    with closing(sqlite3.connect(shelf.database)) as database, database:
        database.execute("UPDATE cosearch_studies SET data = json_set(data, '$.fingerprint', ?)", ["0" * 64])
    ran = export("--examples", "20")
    assert ran.code == 0
    note = "Not checked on the study's own data: the study's have the fingerprint 000000000000"
    assert note in caplog.text
    manifest = json.loads((shelf.out / "digits-trial-0" / "manifest.json").read_text(encoding="utf-8"))
    assert any(line.startswith(note) for line in manifest["notes"])
