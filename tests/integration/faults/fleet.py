"""Worker processes of one study: started, killed, halted, started again under their names."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.context import ForkServerProcess
from types import TracebackType
from typing import Self

import pytest

from tests.integration.faults.sleeping_worker import WorkerTask, start_worker
from tests.integration.tiny import GUARD_S


class Fleet:
    """Processes by name; none outlives the block."""

    def __init__(self, task: Callable[[str], WorkerTask]) -> None:
        """Take the function that says what the worker of a name is given."""
        self.task = task
        self._processes: dict[str, ForkServerProcess] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in self._processes:
            self.kill(name)

    def start(self, *names: str) -> None:
        for name in names:
            self._processes[name] = start_worker(self.task(name))

    def pid(self, name: str) -> int:
        pid = self._processes[name].pid
        assert pid is not None
        return pid

    def send(self, name: str, number: signal.Signals) -> None:
        os.kill(self.pid(name), number)

    def kill(self, name: str) -> None:
        """End a process as the system does, and wait until it has ended."""
        with suppress(ProcessLookupError):
            self.send(name, signal.SIGKILL)
        self._processes[name].join()

    def log(self, name: str) -> str:
        return self.task(name).log.read_text()

    def running(self) -> list[str]:
        return [name for name, process in self._processes.items() if process.exitcode is None]

    def exit_codes(self) -> dict[str, int | None]:
        """Wait until all have ended, and return how."""
        wait_until(lambda: not self.running(), "the workers have ended")
        return {name: process.exitcode for name, process in self._processes.items()}


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + GUARD_S
    while not is_so():
        if time.monotonic() > deadline:
            pytest.fail(f"not after {GUARD_S:g} s: {what}")
        time.sleep(0.05)
