"""Where commands write to: results on standard output, for people or machines, and notices that `--quiet` omits."""

import json
import sys
from contextvars import ContextVar
from typing import Any

from rich.console import Console

# Of the command that runs. It is no use to ask Click for its context: newer versions of Typer bring their own Click.
_QUIET: ContextVar[bool] = ContextVar("quiet", default=False)


def set_quiet(is_wanted: bool) -> None:
    """Say whether `--quiet` was given before the command."""
    _QUIET.set(is_wanted)


def is_quiet() -> bool:
    """Return whether `--quiet` was given before the command."""
    return _QUIET.get()


def results() -> Console:
    """Return the console of what was asked for, which is printed with `--quiet` too."""
    return Console(highlight=False)


def write_json(values: Any) -> None:
    """Write what was asked for as JSON to standard output, at once: who reads it may wait for it."""
    sys.stdout.write(json.dumps(values, indent=1) + "\n")
    sys.stdout.flush()


def notices(*, beside_results: bool = False, is_silent: bool = False) -> Console:
    """Return the console of progress and remarks, silent with `--quiet`.

    Args:
        beside_results: write to standard error, because standard output is read by a machine.
        is_silent: say nothing, for another reason than `--quiet`.
    """
    return Console(stderr=beside_results, quiet=is_silent or is_quiet())
