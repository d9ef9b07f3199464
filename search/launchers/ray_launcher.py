"""Workers as actors on a Ray cluster: placed and brought back by Ray, run again and stopped together from here."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from search.launchers.local import Watch
from search.launchers.ray_worker import ActorProcess, WorkerEnd
from search.launchers.restarts import RestartPolicy, WorkerExit
from spaces.errors import WorkerFailedError

_TICK_S = 0.5


class RayListener(Protocol):
    """Follows the workers on the cluster; every method returns at once."""

    def worker_placed(self, process: ActorProcess) -> None:
        """A worker begins, for the first time or again."""
        ...

    def worker_lost(self, process: ActorProcess, reason: str, *, delay_s: float) -> None:
        """A worker ended with its work not done; it begins again after a pause, once Ray has a place for it."""
        ...

    def stopping(self, n_running: int) -> None:
        """The workers were asked to stop."""
        ...


class Actor(Protocol):
    """One worker's actor, as `search.launchers.ray_cluster.RayActor` tells."""

    def process(self) -> ActorProcess | None:
        """Return the process that the actor has, None while it waits for one.

        Raises:
            SetupError: it never gets one that works.
        """
        ...

    def run(self) -> None:
        """Begin the work."""
        ...

    def ended(self) -> WorkerEnd | None:
        """Return how the work ended, None while it goes on."""
        ...

    def stop(self) -> None:
        """Ask the work to stop after its batch."""
        ...

    def renew(self) -> None:
        """End the process; another one takes its place."""
        ...

    def kill(self) -> None:
        """End the actor for good."""
        ...


@dataclass(slots=True, kw_only=True)
class _Place:
    """One worker's place.

    Attributes:
        process: that works.
        used: token of the process that worked last; it is not used again.
    """

    actor: Actor
    process: ActorProcess | None = None
    used: str = ""
    began_s: float = 0.0
    start_at_s: float = 0.0
    is_over: bool = False
    exits: list[WorkerExit] = field(default_factory=list)


class RayLauncher:
    """Keeps actors working until one says that there is nothing left to do and those that work have ended."""

    def __init__(
        self,
        actors: Sequence[Actor],
        *,
        watch: Watch,
        listener: RayListener,
        stop_requests: Callable[[], int],
        policy: RestartPolicy | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Begin nothing yet.

        Args:
            actors: created already; they may wait for room.
            watch: looks at the study meanwhile.
            listener: hears of the workers.
            stop_requests: how often a stop was asked for; from 1 on the workers are asked to stop and waited for,
                from 2 on they are killed.
            policy: when a worker is run again.
            sleep: waits seconds.
        """
        self._places = [_Place(actor=actor) for actor in actors]
        self._watch, self._listener, self._stop_requests = watch, listener, stop_requests
        self._policy, self._sleep = policy or RestartPolicy(), sleep
        self._is_stopping = self._is_done = False
        self._failure: WorkerFailedError | None = None

    def run(self) -> bool:
        """Run the workers to their end; no actor is left when this returns or raises.

        Returns:
            Whether the work is done; False where a stop was asked for before.

        Raises:
            WorkerFailedError: a worker fails again and again; the others were stopped.
            SetupError: the nodes cannot take a worker.
            StorageError: the database failed for a reason that does not pass.
        """
        try:
            while not all(place.is_over for place in self._places):
                self._obey()
                may_start = self._watch.look()
                for place in self._places:
                    self._look_after(place, may_start=may_start)
                self._sleep(_TICK_S)
        finally:
            for place in self._places:
                place.actor.kill()
        if self._failure is not None:
            raise self._failure
        self._watch.finish(is_done=self._is_done)
        return self._is_done

    def _obey(self) -> None:
        n_requests = self._stop_requests()
        if n_requests >= 1:
            self._stop()
        if n_requests >= 2:
            for place in self._places:
                place.is_over = True

    def _stop(self) -> None:
        if self._is_stopping:
            return
        self._is_stopping = True
        working = [place for place in self._places if place.process is not None]
        self._listener.stopping(len(working))
        for place in working:
            place.actor.stop()

    def _look_after(self, place: _Place, *, may_start: bool) -> None:
        if place.is_over:
            return
        if place.process is not None:
            end = place.actor.ended()
            if end is not None:
                self._settle(place, place.process, end)
        # A worker that waits for room has nothing to wait for once another one has found nothing to do.
        elif self._is_stopping or self._is_done:
            self._close(place)
        elif may_start and time.monotonic() >= place.start_at_s:
            self._begin(place)

    def _begin(self, place: _Place) -> None:
        process = place.actor.process()
        if process is None or process.token == place.used:
            return
        place.process, place.used, place.began_s = process, process.token, time.monotonic()
        place.actor.run()
        self._listener.worker_placed(process)

    def _settle(self, place: _Place, process: ActorProcess, end: WorkerEnd) -> None:
        """Decide what follows from the end of a worker's work."""
        place.process = None
        self._is_done |= end.code == 0
        if end.code == 0 or self._is_stopping:
            self._close(place)
            return
        place.exits.append(WorkerExit(code=end.code, after_s=time.monotonic() - place.began_s))
        delay_s = self._policy.delay_s(place.exits)
        if delay_s is None:
            self._close(place)
            self._failure = WorkerFailedError(
                f"worker {process.name} {self._policy.verdict(place.exits)}, the last time on {process.host} "
                f"(exit code {end.code}): {end.reason.rstrip('.')}. What it printed is in Ray's logs of process "
                f"{process.pid} there.",
                exit_code=end.code,
            )
            self._stop()
            return
        place.start_at_s = time.monotonic() + delay_s
        self._listener.worker_lost(process, end.reason, delay_s=delay_s)
        if end.code > 0:  # else Ray has noticed by itself
            place.actor.renew()

    def _close(self, place: _Place) -> None:
        """Make room for others on the cluster."""
        place.is_over = True
        place.actor.kill()
