"""`export`: a chosen model, in formats that other tools load, each checked before it is called done."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from search.cli.options import DEFAULT_STORAGE, StorageOption, StudyOption


def export(
    study: StudyOption = "digits",
    storage: StorageOption = DEFAULT_STORAGE,
    select: Annotated[str, typer.Option("--select", help="knee, best:<objective> or trial:<number>.")] = "knee",
    formats: Annotated[str, typer.Option("--format", help="Comma-separated: keras.")] = "keras",
    out: Annotated[
        Path, typer.Option("--out", help="Folder for the exports; one folder a trial is made in it.")
    ] = Path("exported"),
) -> None:
    """Export a model of the front."""
    from search.bootstrap import open_memory
    from search.cli.study_names import study_name
    from search.cli.synthetic import synthetic_warning
    from search.selection import select_trial

    name = study_name(study)
    memory = open_memory(storage)
    record = memory.repository.get_study(name)
    trial = select_trial(memory.repository, name, select)
    console = Console()
    with console.status(f"exporting trial {trial.number}"):
        from search.exporters.bundle import write_bundle

        folder = write_bundle(
            record,
            trial,
            digests=memory.repository.artifacts(record.id, trial.number),
            artifacts=memory.artifacts,
            formats=[name.strip() for name in formats.split(",") if name.strip()],
            out=out,
        )
    figures = trial.measurement
    if figures is not None:
        marked = f" ({synthetic_warning()})" if record.is_synthetic else ""
        console.print(
            f"trial {trial.number}: clean {figures.clean_accuracy:.4f}, robust {figures.robust_accuracy:.4f}, "
            f"{figures.size_bytes:,} bytes{marked}",
            highlight=False,
            soft_wrap=True,
        )
    console.print(f"exported and checked: {folder}", highlight=False, markup=False, soft_wrap=True)
