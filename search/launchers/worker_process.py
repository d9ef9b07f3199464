"""One running worker process, which ends when its supervisor does, however that ends."""

import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import Self

from search.launchers.restarts import WorkerExit
from search.launchers.worker_log import WorkerLog
from spaces.errors import SetupError


class WorkerProcess:
    """A process that prints to a log and whose standard input stays open and empty as long as this one lives.

    It is in a session of its own: a Ctrl-C in the terminal reaches only the supervisor, which passes it on once.
    """

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        """Watch over a process that was started just now."""
        self._process = process
        self._started_s = time.monotonic()

    @classmethod
    def start(cls, command: Sequence[str], *, environment: Mapping[str, str], log: WorkerLog) -> Self:
        """Start a command.

        Raises:
            SetupError: the system cannot start it.
        """
        log.begin()
        try:
            process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.PIPE,  # the system closes it when this process is gone
                stdout=log.file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise SetupError(
                f"worker {log.name} cannot be started ({command[0]}): {error.strerror}; check the memory and the "
                "number of processes that you may use."
            ) from error
        return cls(process)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def ended(self) -> WorkerExit | None:
        """Return how it ended, None while it runs."""
        code = self._process.poll()
        if code is None:
            return None
        self._close_input()
        return WorkerExit(code=code, after_s=time.monotonic() - self._started_s)

    def interrupt(self) -> None:
        """Ask it to stop, as Ctrl-C does."""
        self._process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """End it at once and wait until it has ended."""
        self._process.kill()
        self._process.wait()
        self._close_input()

    def _close_input(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
