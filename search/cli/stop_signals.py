"""What stops a command besides Ctrl-C: SIGTERM from a scheduler, and the end of standard input from a supervisor."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Self

_GRACE_S = 60.0
_STDIN = 0


@contextmanager
def sigterm_as_ctrl_c() -> Iterator[None]:
    """Let SIGTERM do inside the block what Ctrl-C does there.

    Where Ctrl-C is ignored, as in what a script starts in the background, SIGTERM still ends the command.
    """
    previous = signal.signal(signal.SIGTERM, _press)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _press(_number: int, frame: FrameType | None) -> None:
    handler = signal.getsignal(signal.SIGINT)
    (handler if callable(handler) else signal.default_int_handler)(signal.SIGINT, frame)


def stop_with_stdin(*, descriptor: int = _STDIN, grace_s: float = _GRACE_S) -> None:
    """Press Ctrl-C when standard input ends, and again after a time of grace.

    A supervisor keeps the other end of a pipe open; the system closes it when the supervisor is gone, however it ended.
    """
    threading.Thread(target=_press_at_end, args=(descriptor, grace_s), name="stdin", daemon=True).start()


def _press_at_end(descriptor: int, grace_s: float) -> None:
    while os.read(descriptor, 1024):
        pass
    main = threading.main_thread().ident
    if main is not None:
        signal.pthread_kill(main, signal.SIGINT)
        time.sleep(grace_s)
        signal.pthread_kill(main, signal.SIGINT)


class StopRequests:
    """Counts Ctrl-C and SIGTERM inside its block, and does nothing else about them."""

    def __init__(self) -> None:
        """Count from zero."""
        self._count = 0

    def __enter__(self) -> Self:
        """Take both signals over."""
        self._previous = {number: signal.signal(number, self._handle) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give both signals back."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def count(self) -> int:
        """Return how often a stop was asked for."""
        return self._count

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self._count += 1
