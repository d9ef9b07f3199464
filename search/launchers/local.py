"""Worker processes on this machine: started, watched, started again, stopped together."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from search.launchers.restarts import RestartPolicy, WorkerExit
from search.launchers.worker_log import WorkerLog
from search.launchers.worker_process import WorkerProcess
from spaces.errors import WorkerFailedError

_TICK_S = 0.1


class LaunchListener(Protocol):
    """Follows the worker processes; every method returns at once."""

    def worker_started(self, name: str, pid: int) -> None:
        """A worker's process was started, for the first time or again."""
        ...

    def worker_ended(self, name: str, code: int, *, delay_s: float) -> None:
        """A worker's process ended with its work not done; the next one starts after a pause."""
        ...

    def stopping(self, n_running: int) -> None:
        """The workers were asked to stop."""
        ...


class Watch(Protocol):
    """Looks at the study from outside, between two looks at the processes."""

    def look(self) -> bool:
        """Look if it is time to, and return whether the database answered the last time."""
        ...

    def finish(self, *, is_done: bool) -> None:
        """Look for the last time; `is_done` tells whether the workers have ended with nothing left to do."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalWorkers:
    """What the workers are.

    Attributes:
        logs: one for each worker; they carry the names.
        command: turns a worker's name into its command.
        environment: of the processes.
        policy: when a worker is started again.
    """

    logs: Sequence[WorkerLog]
    command: Callable[[str], Sequence[str]]
    environment: Mapping[str, str]
    policy: RestartPolicy = field(default_factory=RestartPolicy)


@dataclass(slots=True, kw_only=True)
class _Place:
    """One worker's place: its process, or since when it has none."""

    log: WorkerLog
    process: WorkerProcess | None = None
    start_at_s: float = 0.0
    is_over: bool = False
    exits: list[WorkerExit] = field(default_factory=list)


class LocalLauncher:
    """Keeps worker processes running until each one says that there is nothing left to do."""

    def __init__(
        self, workers: LocalWorkers, *, watch: Watch, listener: LaunchListener, stop_requests: Callable[[], int]
    ) -> None:
        """Start nothing yet.

        Args:
            workers: what they are.
            watch: looks at the study meanwhile.
            listener: hears of the processes.
            stop_requests: how often a stop was asked for; from 1 on the workers are asked to stop and waited for,
                from 2 on they are killed.
        """
        self._workers, self._watch, self._listener = workers, watch, listener
        self._stop_requests = stop_requests
        self._places = [_Place(log=log) for log in workers.logs]
        self._is_stopping = False
        self._failure: WorkerFailedError | None = None

    def run(self) -> bool:
        """Run the workers to their end.

        No process is left when this returns or raises.

        Returns:
            Whether the work is done; False where a stop was asked for before.

        Raises:
            WorkerFailedError: a worker fails again and again; the others were stopped.
            SetupError: the system cannot start a process.
            StorageError: the database failed for a reason that does not pass.
        """
        try:
            while not all(place.is_over for place in self._places):
                self._obey()
                may_start = self._watch.look()
                for place in self._places:
                    self._look_after(place, may_start=may_start)
                time.sleep(_TICK_S)
        finally:
            for place in self._places:
                if place.process is not None:
                    place.process.kill()
                place.log.close()
        if self._failure is not None:
            raise self._failure
        is_done = all(place.exits and place.exits[-1].code == 0 for place in self._places)
        self._watch.finish(is_done=is_done)
        return is_done

    def _obey(self) -> None:
        """Do what was asked for: stop after the batch, or at once."""
        n_requests = self._stop_requests()
        if n_requests >= 1:
            self._stop()
        if n_requests >= 2:
            for place in self._places:
                if place.process is not None:
                    place.process.kill()

    def _stop(self) -> None:
        if self._is_stopping:
            return
        self._is_stopping = True
        running = [place.process for place in self._places if place.process is not None]
        self._listener.stopping(len(running))
        for process in running:
            process.interrupt()

    def _look_after(self, place: _Place, *, may_start: bool) -> None:
        if place.process is not None:
            found = place.process.ended()
            if found is not None:
                place.process = None
                place.exits.append(found)
                self._settle(place, found)
        elif self._is_stopping:
            place.is_over = True
        # A worker that is started while the database is away would only fail.
        elif not place.is_over and may_start and time.monotonic() >= place.start_at_s:
            command = self._workers.command(place.log.name)
            place.process = WorkerProcess.start(command, environment=self._workers.environment, log=place.log)
            self._listener.worker_started(place.log.name, place.process.pid)

    def _settle(self, place: _Place, found: WorkerExit) -> None:
        """Decide what follows from the end of a worker's process."""
        if found.code == 0 or self._is_stopping:
            place.is_over = True
            return
        delay_s = self._workers.policy.delay_s(place.exits)
        if delay_s is None:
            place.is_over = True
            self._failure = self._failed(place, found)
            self._stop()
        else:
            place.start_at_s = time.monotonic() + delay_s
            self._listener.worker_ended(place.log.name, found.code, delay_s=delay_s)

    def _failed(self, place: _Place, found: WorkerExit) -> WorkerFailedError:
        how = f"exit code {found.code}" if found.code > 0 else f"signal {-found.code}"
        said = place.log.last_error().rstrip(".") or "it printed nothing"
        return WorkerFailedError(
            f"worker {place.log.name} {self._workers.policy.verdict(place.exits)} ({how}): {said}. "
            f"Its log: {place.log.path}.",
            exit_code=found.code if found.code > 0 else 128 - found.code,
        )
