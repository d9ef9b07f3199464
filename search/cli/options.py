"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from search.cli.completion import complete_sampler, complete_selection, complete_study

DEFAULT_STORAGE = "studies.db"

StudyOption = Annotated[
    str, typer.Option("--study", help="Name of the study, or its TOML file.", autocompletion=complete_study)
]
StorageOption = Annotated[str, typer.Option("--storage", envvar="SEARCH_STORAGE", help="Database URL or SQLite file.")]
DataDirOption = Annotated[
    Path | None, typer.Option("--data-dir", help="Folder to look for data in first, before SEARCH_DATA_DIR.")
]
SamplerOption = Annotated[str, typer.Option("--sampler", help="tpe, nsga2 or random.", autocompletion=complete_sampler)]
KeepAllOption = Annotated[bool, typer.Option("--keep-all", help="Keep models that left the front too.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
SelectOption = Annotated[
    str,
    typer.Option("--select", help="knee, best:<objective> or trial:<number>.", autocompletion=complete_selection),
]
