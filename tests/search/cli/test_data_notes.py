"""What is to be known of a study's data stands with its figures."""

from dataclasses import replace

import pytest
from rich.console import Console

from search.cli.data_notes import print_data_note
from search.cli.front_table import print_front
from tests.dashboards.builders import make_study, realistic_snapshot

NOTE = "a 10,000-digit part of SVHN, not the official split"


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
    snapshot = realistic_snapshot(n_trials=4)
    study = replace(snapshot.study, data={**snapshot.study.data, "note": NOTE})
    console = Console(width=100)
    with console.capture() as capture:
        print_front(console, replace(snapshot, study=study))
    assert f"data: {NOTE}" in capture.get().splitlines()
