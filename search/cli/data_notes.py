"""What a reader of a study's figures has to know of its data."""

from rich.console import Console

from storage.records import StudyRecord


def print_data_note(console: Console, study: StudyRecord) -> None:
    """Print the note of the study's data, such as that they are a part of a data set; nothing where there is none."""
    if study.shown_data_note:
        console.print(f"data: {study.shown_data_note}", style="yellow", highlight=False, markup=False, soft_wrap=True)
