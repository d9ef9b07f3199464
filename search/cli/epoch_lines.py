"""What is said of a training's epochs, and when it is worth a line where no bar moves."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:  # comes with TensorFlow, which takes seconds to import
    from search.training.fit import FitProgress

_LINE_EVERY_S = 30.0


class EpochLines:
    """Says when a line about a training is due: at the end of an epoch, not too often, and where no terminal is."""

    def __init__(self, console: Console, clock: Callable[[], float]) -> None:
        """Begin; `clock` gives seconds."""
        self._console, self._clock = console, clock
        self._last_line = clock()

    def begin(self) -> None:
        """Wait from now on, because something was said."""
        self._last_line = self._clock()

    def is_due(self, progress: "FitProgress") -> bool:
        """Return whether a line is due now, and take it for printed."""
        now = self._clock()
        if self._console.is_terminal or progress.batch < progress.batches or now - self._last_line <= _LINE_EVERY_S:
            return False
        self._last_line = now
        return True


def epoch_text(progress: "FitProgress") -> str:
    """Return epoch and loss."""
    return f"epoch {progress.epoch}/{progress.epochs}  loss {progress.cross_entropy:.3f}"
