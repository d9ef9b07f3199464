"""`front`: the Pareto front, now or at an earlier revision."""

import csv
import json
import sys
from typing import Annotated

import typer
from rich.console import Console

from search.cli.options import DEFAULT_STORAGE, JsonOption, StorageOption, StudyOption
from spaces.errors import SpecError


def front(
    study: StudyOption = "digits",
    storage: StorageOption = DEFAULT_STORAGE,
    at: Annotated[int | None, typer.Option("--at", help="Revision; without it, the latest.")] = None,
    as_json: JsonOption = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print comma-separated values.")] = False,
) -> None:
    """Print the Pareto front of a study."""
    if as_json and as_csv:
        raise SpecError("--json and --csv were both given; choose one.")
    from search.bootstrap import open_memory
    from search.cli.front_table import csv_rows, front_values, print_front
    from search.cli.study_names import study_name
    from search.snapshots import read_snapshot

    name = study_name(study)
    memory = open_memory(storage)
    snapshot = read_snapshot(memory.repository, name, revision=at).with_audits(memory.audits)
    if as_json:
        sys.stdout.write(json.dumps(front_values(snapshot), indent=1) + "\n")
    elif as_csv:
        csv.writer(sys.stdout, lineterminator="\n").writerows(csv_rows(snapshot))
    else:
        print_front(Console(), snapshot)
