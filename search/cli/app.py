"""The command line: one file a command; errors of the service become one line and an exit code."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from search.cli.audit import audit
from search.cli.compare import compare
from search.cli.consoles import set_quiet, told_output
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

# The family that it belongs to: Typer brings its own Click, or takes the installed one, and names one of the family.
_UsageError: type[Exception] = typer.BadParameter.__bases__[0]

_SCRIPT = "cosearch"  # shells complete a command by its first word: `python -m search` has none of its own
_COMPLETION_OPTIONS = {"--install-completion", "--show-completion"}

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
    set_quiet(quiet)


for _command in (
    *(launch, worker, status, front, refine, audit, reference, compare),
    *(replay, studies, export, report, dashboard, doctor),
):
    app.command()(_command)
app.add_typer(db, name="db")


def main() -> None:
    """Run a command; exit 0 done, 1 something is wrong, 2 bad input, 3 another study, 4 no database."""
    try:
        with told_output():
            code = app(prog_name=_program(), standalone_mode=False)
        sys.exit(code)
    except SearchError as error:
        _print_error(str(error))
        sys.exit(error.exit_code)
    except _UsageError as error:
        sys.exit(_print_usage_error(error))
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)


def _program() -> str:
    """Return what the command is called: as it was started, but a completion is that of the script, of one word."""
    is_script = Path(sys.argv[0]).stem == _SCRIPT
    return _SCRIPT if is_script or _COMPLETION_OPTIONS & set(sys.argv[1:2]) else "python -m search"


def _print_usage_error(error: Any) -> int:
    """Print what is wrong with the arguments and where the right ones stand; return the exit code."""
    message = error.format_message()
    if not message:  # a command was left out, and its help is printed already
        return int(error.exit_code)
    command = "python -m search" if error.ctx is None else error.ctx.command_path
    _print_error(f"{message.rstrip('.')}; `{command} --help` lists what it takes.")
    return int(error.exit_code)


def _print_error(text: str) -> None:
    line = Text.assemble(("error:", "bold red"), " ", text)
    Console(stderr=True).print(line, highlight=False, soft_wrap=True)
