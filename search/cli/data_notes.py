"""What a reader of a study's figures has to know of its data."""

from collections.abc import Iterable

from rich.console import Console

from storage.records import StudyRecord


def data_note(study: StudyRecord) -> str | None:
    """Return the note of the study's data as JSON has it; None where there is none."""
    return study.data_note or None


def print_data_note(console: Console, study: StudyRecord) -> None:
    """Print the note of the study's data, such as that they are a part of a data set; nothing where there is none."""
    if study.shown_data_note:
        _print(console, f"data: {study.shown_data_note}")


def print_data_notes(console: Console, studies: Iterable[StudyRecord]) -> None:
    """Print the notes of several studies' data, each with the study's name."""
    for study in studies:
        if study.shown_data_note:
            _print(console, f"data of {study.name}: {study.shown_data_note}")


def _print(console: Console, line: str) -> None:
    console.print(line, style="yellow", highlight=False, markup=False, soft_wrap=True)
