"""Ctrl-C ends a command at once, but a launch that trains after its batch."""

import signal
from types import FrameType, TracebackType
from typing import Self

from rich.console import Console

EXIT_INTERRUPTED = 130


class StopAfterBatch:
    """What Ctrl-C does inside its block.

    It ends the block at once until the training begins; then the first one is a wish that the worker grants after the
    batch, and a second one ends at once.
    """

    def __init__(self, console: Console) -> None:
        """Answer a Ctrl-C on a console."""
        self._console = console
        self._is_wanted = False
        self._is_training = False

    def __enter__(self) -> Self:
        """Take Ctrl-C over."""
        self._previous = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give Ctrl-C back."""
        signal.signal(signal.SIGINT, self._previous)

    def check_not_lost(self) -> None:
        """Make good what was seen of libraries: they drop the exception of a Ctrl-C while they are imported.

        Raises:
            KeyboardInterrupt: one was dropped.
        """
        if self._is_wanted:
            raise KeyboardInterrupt

    def begin_training(self) -> None:
        """Let the next Ctrl-C wait for the batch.

        Raises:
            KeyboardInterrupt: an earlier one was dropped.
        """
        self.check_not_lost()
        self._is_training = True

    def is_wanted(self) -> bool:
        """Return whether Ctrl-C was pressed."""
        return self._is_wanted

    def _handle(self, number: int, frame: FrameType | None) -> None:
        is_first = not self._is_wanted
        self._is_wanted = True
        if not (self._is_training and is_first):
            signal.default_int_handler(number, frame)
        self._console.print("stopping after this batch; press Ctrl-C again to stop at once")
