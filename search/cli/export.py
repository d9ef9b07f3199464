"""`export`: chosen models, in formats that other tools load, each read back and measured before it is called done."""

from pathlib import Path
from typing import Annotated

import typer

from search.cli.consoles import notices, results, write_json
from search.cli.options import DEFAULT_STORAGE, DataDirOption, JsonOption, StorageOption, StudyOption
from search.cli.stop_signals import sigterm_as_ctrl_c
from search.exporters.names import FORMATS
from spaces.target_names import target_names

_SELECT = "front, knee, best:<objective> or trial:<number>; may be given several times."


def export(
    study: StudyOption = "digits",
    storage: StorageOption = DEFAULT_STORAGE,
    select: Annotated[list[str] | None, typer.Option("--select", help=_SELECT, show_default="knee")] = None,
    formats: Annotated[str, typer.Option("--format", help=f"Comma-separated: {', '.join(FORMATS)}.")] = "keras",
    target: Annotated[
        str | None,
        typer.Option("--target", help=f"What the device can do: {', '.join(target_names())}, or a TOML file."),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", help="Folder for the exports; one folder a trial is made in it.")
    ] = Path("exported"),
    data_dir: DataDirOption = None,
    examples: Annotated[int, typer.Option("--examples", min=10, help="Test examples to check on, at most.")] = 1000,
    as_json: JsonOption = False,
) -> None:
    """Export models of the front."""
    from search.bootstrap import open_memory
    from search.cli.export_table import exported_values, print_exported
    from search.cli.step_display import StepDisplay
    from search.cli.study_names import study_name
    from search.selection import select_trials
    from spaces.targets import load_target

    name = study_name(study)
    device = None if target is None else load_target(target)
    memory = open_memory(storage)
    record = memory.repository.get_study(name)
    trials = select_trials(memory.repository, name, select or ["knee"])
    console = results()
    exported = []
    with sigterm_as_ctrl_c(), StepDisplay(notices(beside_results=True), what="loading TensorFlow") as display:
        from search.export_setup import ExportOptions, export_trials

        options = ExportOptions(
            study=record,
            trials=trials,
            formats=[name.strip() for name in formats.split(",") if name.strip()],
            target=device,
            out=out,
            data_dir=data_dir,
            examples=examples,
        )
        for trial, folder in export_trials(memory, options, display.show):
            exported.append(exported_values(folder))
            if not as_json:
                print_exported(console, record, trial, folder)
    if as_json:
        write_json(exported)
