"""Where commands write to: results on standard output, for people or machines, and notices that `--quiet` omits."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TextIO, cast

from rich.console import Console

from spaces.errors import SetupError

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


@contextmanager
def told_output() -> Iterator[None]:
    """Tell it where standard output cannot be written, up to the last of what it holds back.

    Raises:
        SetupError: it cannot, such as a file on a full disk.
        SystemExit: who read it has gone, such as `head`; with exit code 1, as Rich does it.
    """
    stream = sys.stdout
    if stream is None:  # closed by who started the command
        yield
        return
    sys.stdout = told = cast(TextIO, _ToldOutput(stream))
    try:
        yield
        told.flush()
    finally:
        sys.stdout = stream


class _ToldOutput:
    """Standard output, whose errors alone are told: every other OSError keeps its traceback."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with self._told_errors():
            return self._stream.write(text)

    def flush(self) -> None:
        with self._told_errors():
            self._stream.flush()

    @contextmanager
    def _told_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._drop()
            if isinstance(error, BrokenPipeError):
                sys.exit(1)
            raise SetupError(
                f"standard output cannot be written: {error.strerror or error}. Make room, or send it elsewhere."
            ) from error

    def _drop(self) -> None:
        """Send what is held back nowhere: the interpreter would try to write it again at its end, and complain."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)
