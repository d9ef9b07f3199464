"""Options that several commands share."""

from typing import Annotated

import typer

DEFAULT_STORAGE = "studies.db"

StudyOption = Annotated[str, typer.Option("--study", help="Name of the study, or its TOML file.")]
StorageOption = Annotated[str, typer.Option("--storage", envvar="SEARCH_STORAGE", help="Database URL or SQLite file.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
