"""Calls that are made again while a database is away."""

import logging
import random
import time
from collections.abc import Callable
from typing import TypeVar

from spaces.errors import StorageError

_FIRST_DELAY_S = 0.1
_LONGEST_DELAY_S = 15.0

_logger = logging.getLogger(__name__)
_Result = TypeVar("_Result")


def is_transient(error: Exception) -> bool:
    """Return whether an error says of itself that the same call may succeed later."""
    return isinstance(error, StorageError) and error.is_transient


def retrying(
    call: Callable[[], _Result],
    *,
    deadline_s: float,
    rng: random.Random,
    is_transient: Callable[[Exception], bool] = is_transient,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> _Result:
    """Make a call, again and again while it fails for a transient reason.

    The delays double from 0.1 s to at most 15 s, each one shortened by a random part of up to a half: many workers that
    lost the same server do not come back in the same moment.

    Args:
        call: may be made any number of times; its last answer may have been lost after it took effect.
        deadline_s: seconds after which no further attempt begins; infinity for none.
        rng: for the delays.
        is_transient: whether an error may pass; any other one is raised at once.
        sleep: waits for so many seconds; what it raises ends the waiting.
        clock: seconds that only grow.

    Raises:
        Exception: the last one of the call, unchanged.
    """
    end = clock() + deadline_s
    delay_s = _FIRST_DELAY_S
    while True:
        try:
            return call()
        except Exception as error:
            pause_s = delay_s * rng.uniform(0.5, 1.0)
            if not is_transient(error) or clock() + pause_s > end:
                raise
            _logger.warning("%s Trying again in %.1f s.", error, pause_s)
        sleep(pause_s)
        delay_s = min(2 * delay_s, _LONGEST_DELAY_S)
