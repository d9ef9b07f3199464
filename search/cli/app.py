"""The command line: one file a command; errors of the service become one line and an exit code."""

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from search.cli.audit import audit
from search.cli.compare import compare
from search.cli.dashboard import dashboard
from search.cli.db import db
from search.cli.doctor import doctor
from search.cli.export import export
from search.cli.front import front
from search.cli.interrupt import EXIT_INTERRUPTED
from search.cli.launch import launch
from search.cli.reference import reference
from search.cli.refine import refine
from search.cli.replay import replay
from search.cli.report import report
from search.cli.status import status
from search.cli.studies import studies
from search.cli.worker import worker
from spaces.errors import SearchError

app = typer.Typer(
    name="search",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def _common(
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Before the command: print results and errors alone.")
    ] = False,
) -> None:
    """Search jointly for per-layer bit widths and Jacobian weights: accurate, hard to fool and small."""
    del quiet  # read where notices are printed, see `search.cli.consoles`


for _command in (
    *(launch, worker, status, front, refine, audit, reference, compare),
    *(replay, studies, export, report, dashboard, doctor),
):
    app.command()(_command)
app.add_typer(db, name="db")


def main() -> None:
    """Run a command; exit 0 done, 1 something is wrong, 2 bad input, 3 another study, 4 no database."""
    try:
        app(prog_name="python -m search")
    except SearchError as error:
        line = Text.assemble(("error:", "bold red"), " ", str(error))
        Console(stderr=True).print(line, highlight=False, soft_wrap=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
