"""`front`: the Pareto front, now or at an earlier revision."""

import csv
import json
import sys
from typing import Annotated

import typer
from rich.console import Console

from search.cli.options import DEFAULT_STORAGE, JsonOption, StorageOption, StudyOption


def front(
    study: StudyOption = "digits",
    storage: StorageOption = DEFAULT_STORAGE,
    at: Annotated[int | None, typer.Option("--at", help="Revision; without it, the latest.")] = None,
    as_json: JsonOption = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print comma-separated values.")] = False,
) -> None:
    """Print the Pareto front of a study."""
    from search.bootstrap import open_memory
    from search.cli.front_table import csv_rows, print_front, trial_values

    repository = open_memory(storage).repository
    trials = repository.front(repository.get_study(study).id, revision=at)
    if as_json:
        sys.stdout.write(json.dumps([trial_values(trial) for trial in trials], indent=1) + "\n")
    elif as_csv:
        csv.writer(sys.stdout, lineterminator="\n").writerows(csv_rows(trials))
    else:
        print_front(Console(), repository, study, revision=at)
