"""What the displays of long work share: bars in a terminal, and whole lines everywhere."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

_BAR_WIDTH = 20  # shrinks first where a line is too long for the terminal


class LiveDisplay:
    """Bars with a note each, drawn inside a `with` block, and lines above them.

    Nothing is read as markup: a name or a reason may hold square brackets.
    """

    def __init__(self, console: Console, *, is_transient: bool = False) -> None:
        """Draw on a console; the bars only where it is a terminal, and not beyond their end if they are transient."""
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=_BAR_WIDTH),
            TextColumn("{task.fields[note]}", markup=False),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal or console.quiet,
            transient=is_transient,
        )

    def __enter__(self) -> Self:
        """Start the display."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the display."""
        self._progress.stop()

    def _print(self, text: str, *, style: str | None = None) -> None:
        self._console.print(text, style=style, highlight=False, markup=False, soft_wrap=True)
