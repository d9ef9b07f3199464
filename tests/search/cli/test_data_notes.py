"""What is to be known of a study's data stands with its figures."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from dashboards.snapshot import StudySnapshot
from search.bootstrap import create_memory
from search.cli.data_notes import print_data_note
from search.cli.front_table import csv_rows, front_values, print_front
from search.cli.refine_table import refined_values
from search.cli.status import status_values
from tests.dashboards.builders import make_study, realistic_snapshot
from tests.search.cli.running import make_runner

NOTE = "a 10,000-digit part of SVHN, not the official split"


def snapshot_with(note: str) -> StudySnapshot:
    snapshot = realistic_snapshot(n_trials=4)
    return replace(snapshot, study=replace(snapshot.study, data={**snapshot.study.data, "note": note}))


def noted(*, note: str, is_synthetic: bool = False) -> str:
    study = make_study(is_synthetic=is_synthetic)
    console = Console(width=60)
    with console.capture() as capture:
        print_data_note(console, replace(study, data={**study.data, "note": note}))
    return capture.get()


def test_note_is_one_line() -> None:
    assert noted(note=NOTE) == f"data: {NOTE}\n"


@pytest.mark.parametrize(("note", "is_synthetic"), [("", False), ("drawn images", True)])
def test_nothing_is_printed_where_there_is_no_note_or_another_warning(note: str, is_synthetic: bool) -> None:
    assert noted(note=note, is_synthetic=is_synthetic) == ""


def test_front_has_the_note_of_its_data() -> None:
    console = Console(width=100)
    with console.capture() as capture:
        print_front(console, snapshot_with(NOTE))
    assert f"data: {NOTE}" in capture.get().splitlines()


JSON_VALUES: dict[str, Callable[[StudySnapshot], dict[str, Any]]] = {
    "front": lambda snapshot: front_values(snapshot)[0],
    "status": status_values,
    "refine": lambda snapshot: refined_values(snapshot.study, ()),
}


@pytest.mark.parametrize("name", JSON_VALUES)
def test_json_has_the_note_and_null_where_there_is_none(name: str) -> None:
    assert [JSON_VALUES[name](snapshot_with(note))["data_note"] for note in (NOTE, "")] == [NOTE, None]


def test_rows_of_the_front_have_the_note() -> None:
    header, *rows = csv_rows(snapshot_with(NOTE))
    assert {row[header.index("data_note")] for row in rows} == {NOTE}


def test_list_of_studies_has_the_notes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    storage = str(tmp_path / "studies.db")
    repository = create_memory(storage).repository
    for name, note in (("noted", NOTE), ("plain", "")):
        spec = {**make_study().spec, "name": name}
        data = {"name": "d", "note": note}
        repository.create_study(name=name, spec=spec, spec_fingerprint="f", data=data, versions={})
    run = make_runner(monkeypatch, capsys)
    assert [row["data_note"] for row in json.loads(run("studies", "--storage", storage, "--json").output)] == [
        NOTE,
        None,
    ]
    lines = run("studies", "--storage", storage).output.splitlines()
    assert [line for line in lines if line.startswith("data")] == [f"data of noted: {NOTE}"]
