"""A worker's log file, whose lock also says that the worker's name is in use."""

import fcntl
import os
from contextlib import ExitStack
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path

from spaces.errors import SetupError

_TAIL_BYTES = 16_384
_ERROR = "error: "


class WorkerLog:
    """What the processes of one worker print, one after the other, in one file.

    The file is locked from `claim` on. The worker's processes inherit the lock with the open file, so that the name is
    free again when the supervisor and the last process have ended, however they ended.
    """

    def __init__(self, file: FileIO, path: Path) -> None:
        """Use a file that `claim` has locked."""
        self._file, self._path = file, path
        self._start = 0

    @classmethod
    def claim(cls, path: Path) -> "WorkerLog | None":
        """Open and lock a log; None where another supervisor or its worker has it.

        Raises:
            SetupError: the file cannot be written or locked.
        """
        with ExitStack() as on_failure:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                file = on_failure.enter_context(FileIO(path, "a+"))
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return None
            except OSError as error:
                raise SetupError(
                    f"the worker's log {path} cannot be opened and locked: {error.strerror}; check your rights and "
                    "the space there."
                ) from error
            on_failure.pop_all()
        return cls(file, path)

    @property
    def name(self) -> str:
        """The worker's name."""
        return self._path.stem

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    @property
    def file(self) -> FileIO:
        """The open file, for a process to print to."""
        return self._file

    def begin(self) -> None:
        """Write a line that separates the process that starts now from the one before."""
        self._file.write(f"== started {datetime.now(UTC).isoformat(timespec='seconds')}\n".encode())
        self._start = self._file.seek(0, os.SEEK_END)

    def last_error(self) -> str:
        """Return the last line that reads like an error since `begin`, else the last line; empty without one."""
        end = self._file.seek(0, os.SEEK_END)
        self._file.seek(max(self._start, end - _TAIL_BYTES))
        lines = [line.strip() for line in self._file.read().decode(errors="replace").splitlines() if line.strip()]
        errors = [line.removeprefix(_ERROR) for line in lines if line.startswith(_ERROR)]
        return (errors or lines or [""])[-1]

    def close(self) -> None:
        """Close the file; the name is free once the worker has ended too."""
        self._file.close()


def claim_logs(folder: Path, *, host: str, n_workers: int) -> list[WorkerLog]:
    """Return the logs of the first workers' names `<host>-<number>` that are not in use, numbered from 1.

    A supervisor that is started again so finds the names of its workers, and two at the same time share none.

    Raises:
        SetupError: a log cannot be written or locked.
    """
    logs: list[WorkerLog] = []
    number = 0
    while len(logs) < n_workers:
        number += 1
        log = WorkerLog.claim(folder / f"{host}-{number}.log")
        if log is not None:
            logs.append(log)
    return logs
