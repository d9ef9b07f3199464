"""The thread that keeps a trial with its worker while the worker trains it."""

import logging
import random
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from spaces.errors import StorageError
from storage.claims import ClaimRepository, Lease
from storage.retrying import retrying
from storage.workers import WorkerRepository, WorkerState

_BEATS_PER_LEASE = 3

_log = logging.getLogger(__name__)


class _EndedError(Exception):
    """The heartbeat was ended while the database was away."""


class Heartbeat:
    """Renews a lease again and again inside its block, and says that the worker lives.

    A database that is away never ends a training: the thread tries again until it is back.
    """

    def __init__(
        self,
        lease: Lease,
        *,
        lease_s: float,
        worker: str,
        claims: ClaimRepository,
        workers: WorkerRepository,
        is_transient: Callable[[Exception], bool],
    ) -> None:
        """Prepare to renew a lease of `lease_s` seconds for the worker of that name; `is_transient` tells outages."""
        self._lease, self._lease_s, self._worker = lease, lease_s, worker
        self._claims, self._workers, self._is_transient = claims, workers, is_transient
        self._ended, self._lost = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"heartbeat-{lease.number}", daemon=True)

    def __enter__(self) -> Self:
        """Begin to beat."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""
        self.end()

    def end(self) -> None:
        """Beat no more; when this returns, nothing is renewed."""
        self._ended.set()
        self._thread.join()

    @property
    def is_lost(self) -> bool:
        """Whether another worker has the trial now."""
        return self._lost.is_set()

    def _run(self) -> None:
        try:
            while not self._lost.is_set():
                self._beat()
                if self._ended.wait(self._lease_s / _BEATS_PER_LEASE):
                    return
        except _EndedError:
            return

    def _beat(self) -> None:
        try:
            retrying(
                self._renew,
                deadline_s=float("inf"),
                rng=random.Random(),
                is_transient=self._is_transient,
                sleep=self._wait,
            )
        except StorageError as error:
            _log.error("the lease on trial %d was not renewed: %s It is tried again.", self._lease.number, error)

    def _renew(self) -> None:
        if not self._claims.renew(self._lease, ttl_s=self._lease_s):
            self._lost.set()
        self._workers.beat(self._lease.study_id, self._worker, state=WorkerState.TRAINING, number=self._lease.number)

    def _wait(self, seconds: float) -> None:
        if self._ended.wait(seconds):
            raise _EndedError
