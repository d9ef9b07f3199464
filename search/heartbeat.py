"""The thread that keeps something with its worker while the worker is at work on it."""

import logging
import random
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from spaces.errors import StorageError
from storage.retrying import retrying

_BEATS_PER_LEASE = 3

_log = logging.getLogger(__name__)


class _EndedError(Exception):
    """The heartbeat was ended while the database was away."""


class Heartbeat:
    """Renews a lease again and again inside its block.

    A database that is away never ends the work: the thread tries again until it is back.
    """

    def __init__(
        self, renew: Callable[[], bool], *, what: str, lease_s: float, is_transient: Callable[[Exception], bool]
    ) -> None:
        """Prepare to renew.

        Args:
            renew: renews the lease; False where another worker has it. Called from the thread.
            what: is held, for messages.
            lease_s: seconds until the lease expires.
            is_transient: tells outages from other errors.
        """
        self._renew, self._what, self._lease_s, self._is_transient = renew, what, lease_s, is_transient
        self._ended, self._lost = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"heartbeat of {what}", daemon=True)

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
        """Whether another worker has the lease now."""
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
            is_held = retrying(
                self._renew,
                deadline_s=float("inf"),
                rng=random.Random(),
                is_transient=self._is_transient,
                sleep=self._wait,
            )
        except StorageError as error:
            _log.error("the lease on %s was not renewed: %s It is tried again.", self._what, error)
        else:
            if not is_held:
                self._lost.set()

    def _wait(self, seconds: float) -> None:
        if self._ended.wait(seconds):
            raise _EndedError
