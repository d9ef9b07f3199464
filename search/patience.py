"""Waiting that ends when somebody asks to stop: for a database that is away, for other workers."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from search.training.fit import StopRequestedError
from storage.retrying import is_transient, retrying

_LOOK_EVERY_S = 0.2

_Result = TypeVar("_Result")


class Patience:
    """Makes calls again while a database is away, however long that is."""

    def __init__(
        self,
        should_stop: Callable[[], bool],
        *,
        rng: random.Random,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Wait until `should_stop`; `rng` spreads the attempts, `sleep` waits seconds, `clock` counts them."""
        self._should_stop, self._rng = should_stop, rng
        self._sleep, self._clock = sleep, clock
        self._last_outage: float | None = None

    def __call__(self, call: Callable[[], _Result]) -> _Result:
        """Make a call that may be made any number of times, until it succeeds.

        Raises:
            StopRequestedError: somebody asked to stop while the database was away.
            Exception: of the call, where it is no outage.
        """
        return retrying(
            call,
            deadline_s=float("inf"),
            rng=self._rng,
            is_transient=self.is_transient,
            sleep=self.pause,
            clock=self._clock,
        )

    def pause(self, seconds: float) -> None:
        """Wait.

        Raises:
            StopRequestedError: somebody asked to stop meanwhile.
        """
        end = self._clock() + seconds
        while (left := end - self._clock()) > 0:
            if self._should_stop():
                raise StopRequestedError
            self._sleep(min(left, _LOOK_EVERY_S))

    def had_outage(self, *, within_s: float) -> bool:
        """Return whether the database was away in the last seconds."""
        return self._last_outage is not None and self._clock() - self._last_outage < within_s

    def is_transient(self, error: Exception) -> bool:
        """Return whether an error is that of an outage, which is then remembered; from any thread."""
        if not is_transient(error):
            return False
        self._last_outage = self._clock()
        return True
