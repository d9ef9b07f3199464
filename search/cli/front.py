"""`front`: the Pareto front, now or at an earlier revision."""

import csv
import sys
from typing import Annotated

import typer

from search.cli.consoles import results, write_json
from search.cli.options import DEFAULT_STORAGE, JsonOption, StorageOption, StudyOption
from spaces.errors import SpecError


def front(
    study: StudyOption = "digits",
    storage: StorageOption = DEFAULT_STORAGE,
    at: Annotated[int | None, typer.Option("--at", help="Revision; without it, the latest.")] = None,
    as_json: JsonOption = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print comma-separated values.")] = False,
    plot: Annotated[bool, typer.Option("--plot", help="Draw the trials in the terminal, above the table.")] = False,
    axes: Annotated[
        str, typer.Option("--axes", metavar="X,Y", help="Objectives of --plot; the last and the first by default.")
    ] = "",
) -> None:
    """Print the Pareto front of a study."""
    if axes and not plot:
        raise SpecError(f"--axes {axes} is for the plot; add --plot, or leave it out.")
    if as_json and as_csv:
        raise SpecError("--json and --csv were both given; choose one.")
    from dashboards.reading import read_snapshot
    from search.bootstrap import open_memory
    from search.cli.front_plot import plot_objectives, print_plot
    from search.cli.front_table import csv_rows, front_values, print_front
    from search.cli.study_names import study_name

    name = study_name(study)
    memory = open_memory(storage)
    snapshot = read_snapshot(memory.repository, name, revision=at).with_audits(memory.audits)
    if as_json:
        write_json(front_values(snapshot))
    elif as_csv:
        csv.writer(sys.stdout, lineterminator="\n").writerows(csv_rows(snapshot))
    else:
        console = results()
        if plot:
            print_plot(console, snapshot, axes=plot_objectives(snapshot, axes))
        print_front(console, snapshot)
