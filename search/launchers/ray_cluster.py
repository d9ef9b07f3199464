"""The one door to Ray: a cluster that is there already, its nodes, and actors on it."""

import logging
import os
import platform
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from search.launchers.ray_worker import ActorProcess, ActorTask, Body, RayWorker, WorkerEnd
from spaces.errors import SetupError

_NAMESPACE = "cosearch"
_AUTO = "auto"
_ADDRESS_VARIABLE = "RAY_ADDRESS"
_KNOCK_S = 10.0
_ROUNDING = 1e-9  # a GPU is 10 times 0.1 of it
_HOW_TO_INSTALL = "install it: pip install 'cosearch[ray]', here and on the nodes"
_ADVICE = (
    "start a cluster (`ray start --head` on one machine, `ray start --address=HEAD:6379` on the others), or give its "
    "address, with the same versions of Python and Ray as here"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """Processors and GPUs: of a node, or what one worker gets."""

    cpus: float
    gpus: float

    def times_in(self, node: "Resources") -> int:
        """Return how many workers of this size a node holds."""
        shares = [node.cpus / self.cpus, *([node.gpus / self.gpus] if self.gpus else [])]
        return int(min(shares) + _ROUNDING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A living node of a cluster."""

    host: str
    resources: Resources

    @property
    def is_here(self) -> bool:
        """Whether it is this machine."""
        return self.host == platform.node()


class RayActor:
    """One actor, restarted by Ray with a new process whenever it loses one; every method returns at once."""

    def __init__(self, ray: Any, handle: Any, body: Body) -> None:
        """Take over an actor that was created just now, for some work; it may wait long for a node with room."""
        self._ray, self._handle, self._body = ray, handle, body
        self._asked: Any = None
        self._running: Any = None

    def process(self) -> ActorProcess | None:
        """Return the process that the actor has, None while it waits for one.

        Raises:
            SetupError: no process of the nodes can take the worker, or Ray has given the actor up.
        """
        if self._asked is None:
            # Without Ray's own retries, which print a traceback each; what is lost here is asked again.
            self._asked = self._handle.process.remote()
        if not self._is_ready(self._asked):
            return None
        asked, self._asked = self._asked, None
        try:
            found: ActorProcess = self._ray.get(asked)
        except self._ray.exceptions.ActorDiedError as error:  # for good, although Ray may restart it without end
            if error.actor_init_failed:
                raise SetupError(
                    f"a worker cannot begin on the cluster: {_last_line(error)}; install the same version of this "
                    "package on every node."
                ) from error
            raise SetupError(
                f"Ray has given a worker up: {_last_line(error).rstrip('.')}; look at the cluster with `ray status`, "
                "then run the same command again."
            ) from error
        except self._ray.exceptions.RayActorError:  # between two processes
            return None
        return found

    def run(self) -> None:
        """Begin the work."""
        self._running = self._handle.run.remote(self._body)

    def ended(self) -> WorkerEnd | None:
        """Return how the work ended, None while it goes on; to be asked after `run` only."""
        if not self._is_ready(self._running):
            return None
        try:
            end: WorkerEnd = self._ray.get(self._running)
        except self._ray.exceptions.RayActorError:
            return WorkerEnd(code=-signal.SIGKILL, reason="its process or its node was lost")
        except self._ray.exceptions.RayTaskError as error:
            return WorkerEnd(code=1, reason=_first_line(error.cause))
        return end

    def stop(self) -> None:
        """Ask the work to stop after its batch."""
        self._handle.stop.remote()

    def renew(self) -> None:
        """End the process; Ray starts another one."""
        self._ray.kill(self._handle, no_restart=False)

    def kill(self) -> None:
        """End the actor for good; it may have ended."""
        self._ray.kill(self._handle, no_restart=True)

    def _is_ready(self, reference: Any) -> bool:
        ready, _ = self._ray.wait([reference], timeout=0)
        return bool(ready)


class RayCluster:
    """A cluster that this process is connected to."""

    def __init__(self, ray: Any) -> None:
        """Use a connection that `connected` made."""
        self._ray = ray

    def nodes(self) -> list[Node]:
        """Return the nodes that live."""
        return [
            Node(
                host=node["NodeManagerHostname"],
                resources=Resources(cpus=node["Resources"].get("CPU", 0.0), gpus=node["Resources"].get("GPU", 0.0)),
            )
            for node in self._ray.nodes()
            if node["Alive"]
        ]

    def start(self, task: ActorTask, *, study: str, n_workers: int, each: Resources) -> list[RayActor]:
        """Create actors under the first names of a study that no other launch on this cluster uses."""
        make = self._ray.remote(RayWorker).options
        address = self._ray.get_runtime_context().gcs_address
        actors: list[RayActor] = []
        number = 0
        while len(actors) < n_workers:
            number += 1
            made = make(
                name=f"{study}/{number}",
                namespace=_NAMESPACE,
                num_cpus=each.cpus,
                num_gpus=each.gpus,
                max_restarts=-1,
                max_concurrency=2,
            )
            with suppress(self._ray.exceptions.ActorAlreadyExistsError):
                # Their results that are not delivered yet lie under their names: the address keeps the workers of two
                # clusters apart, the study those of two launches.
                name = f"ray-{address}-{study}-{number}"
                handle = made.remote(name=name, n_threads=task.n_threads, environment=task.environment)
                hash(handle)  # through ray:// the name is refused only when something waits for the actor's identity
                actors.append(RayActor(self._ray, handle, task.body))
        return actors


@contextmanager
def connected(address: str) -> Iterator[RayCluster]:
    """Connect to a cluster for the time of a block; SIGTERM is Ray's from then on, until somebody takes it over.

    Args:
        address: `auto` for the cluster of this machine or of RAY_ADDRESS, `host:port` of a head node whose cluster
            this machine belongs to, or `ray://host:port` of a head node's client server.

    Raises:
        SetupError: Ray is not installed, or there is no such cluster, or it does not take this process.
    """
    try:
        import ray
    except ModuleNotFoundError as error:
        raise SetupError(f"--engine ray needs the Python package {error.name!r}; {_HOW_TO_INSTALL}.") from None
    wanted = os.environ.get(_ADDRESS_VARIABLE, address) if address == _AUTO else address
    _knock(wanted)
    previous = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=wanted, namespace=_NAMESPACE, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, ValueError, RuntimeError, ImportError) as error:
        reason = _first_line(error)
        if reason.endswith(":"):  # as a client server's, which has a traceback of its own to follow
            reason = f"{reason} {_last_line(error)}"
        raise SetupError(f"--address {wanted}: {reason.rstrip('.')}; {_ADVICE}.") from error
    try:
        yield RayCluster(ray)
    finally:
        ray.shutdown()
        signal.signal(signal.SIGTERM, previous)


def _knock(address: str) -> None:
    """Check that somebody listens: Ray itself waits for many minutes."""
    if address == _AUTO:
        return
    try:
        parts = urlsplit(address if "://" in address else f"ray-head://{address}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if host is None or port is None:
        raise SetupError(f"--address takes auto, HOST:PORT or ray://HOST:PORT; got {address!r}.")
    try:
        socket.create_connection((host, port), timeout=_KNOCK_S).close()
    except OSError as error:
        reason = error.strerror or str(error)
        raise SetupError(f"--address {address}: nothing answers at {host} port {port} ({reason}); {_ADVICE}.") from None


def _first_line(error: BaseException) -> str:
    return _lines(error)[0]


def _last_line(error: BaseException) -> str:
    """Return the line in which a traceback names what was raised."""
    return _lines(error)[-1]


def _lines(error: BaseException) -> list[str]:
    return [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
