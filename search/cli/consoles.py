"""Where commands write to: results on standard output, for people or machines, and notices that `--quiet` omits."""

import json
import sys
from typing import Any

import click
from rich.console import Console


def is_quiet() -> bool:
    """Return whether `--quiet` was given before the command."""
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.find_root().params.get("quiet"))


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
