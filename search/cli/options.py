"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_STORAGE = "studies.db"

StudyOption = Annotated[str, typer.Option("--study", help="Name of the study, or its TOML file.")]
StorageOption = Annotated[str, typer.Option("--storage", envvar="SEARCH_STORAGE", help="Database URL or SQLite file.")]
DataDirOption = Annotated[
    Path | None, typer.Option("--data-dir", help="Folder to look for data in first, before SEARCH_DATA_DIR.")
]
SamplerOption = Annotated[str, typer.Option("--sampler", help="tpe, nsga2 or random.")]
KeepAllOption = Annotated[bool, typer.Option("--keep-all", help="Keep models that left the front too.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
