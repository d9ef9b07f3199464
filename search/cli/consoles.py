"""The two places that commands write to: results on standard output, and notices that `--quiet` leaves out."""

import click
from rich.console import Console, RenderableType

_UNBOUNDED = 10_000  # characters


def is_quiet() -> bool:
    """Return whether `--quiet` was given before the command."""
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.find_root().params.get("quiet"))


def results() -> Console:
    """Return the console of what was asked for, which is printed with `--quiet` too."""
    return Console(highlight=False)


def notices(*, beside_results: bool = False, is_silent: bool = False) -> Console:
    """Return the console of progress and remarks, silent with `--quiet`.

    Args:
        beside_results: write to standard error, because standard output is read by a machine.
        is_silent: say nothing, for another reason than `--quiet`.
    """
    return Console(stderr=beside_results, quiet=is_silent or is_quiet())


def print_whole(console: Console, shown: RenderableType) -> None:
    """Print a table of figures in its own width, even where that is more than the console has: none is cut short."""
    unbounded = console.options.update(max_width=_UNBOUNDED)
    console.width = max(console.width, console.measure(shown, options=unbounded).maximum)
    console.print(shown)
