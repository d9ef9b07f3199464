"""A worker inside an actor of Ray: one call runs it, another one asks it to stop. Nothing here imports Ray."""

import os
import platform
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from search.threads import limit_threads
from spaces.errors import SearchError


class Body(Protocol):
    """What a worker does; it travels to the actor, so it and all that it holds can be pickled."""

    def __call__(self, name: str, should_stop: Callable[[], bool]) -> bool:
        """Work under a name until nothing is left to do, which is True, or a stop is wanted, which is False."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorProcess:
    """The process that an actor has at a time.

    Attributes:
        token: of this process alone; a restarted actor has another one.
        name: of the worker, the same after every restart.
    """

    token: str
    name: str
    host: str
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerEnd:
    """How a worker's work ended.

    Attributes:
        code: an exit code of the command `worker`: 0 nothing left to do, 130 stopped; for a process or node that was
            lost the signal that it is likened to, negative.
        reason: of a code above 0, in a line.
    """

    code: int
    reason: str = ""


DONE, STOPPED = WorkerEnd(code=0), WorkerEnd(code=130, reason="it was stopped")


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorTask:
    """What the workers on a cluster do.

    Attributes:
        body: the work of each; not shown, because it may hold a password.
        n_threads: that each computes with.
        environment: variables of the actors' processes.
    """

    body: Body = field(repr=False)
    n_threads: int
    environment: Mapping[str, str]


class RayWorker:
    """The class of the actors; `run` and `stop` are called from two threads.

    Its process is not used for a second `run`: TensorFlow and connections would be those of the first.
    """

    def __init__(self, *, name: str, n_threads: int, environment: Mapping[str, str]) -> None:
        """Prepare a fresh process.

        The work itself comes later, with `run`: to unpickle it may import TensorFlow.
        """
        os.environ.update(environment)
        limit_threads(n_threads)
        self._process = ActorProcess(token=uuid.uuid4().hex, name=name, host=platform.node(), pid=os.getpid())
        self._is_stop_wanted = threading.Event()

    def process(self) -> ActorProcess:
        """Return which process answers."""
        return self._process

    def run(self, body: Body) -> WorkerEnd:
        """Do the work; an error that the service knows is returned, any other one raised."""
        try:
            return DONE if body(self._process.name, self._is_stop_wanted.is_set) else STOPPED
        except SearchError as error:
            return WorkerEnd(code=error.exit_code, reason=str(error))

    def stop(self) -> None:
        """Ask the work to stop after its batch."""
        self._is_stop_wanted.set()
