"""When a worker that ended is started again, and when that is of no use; a function of how it ended so far."""

import signal
from collections.abc import Sequence
from dataclasses import dataclass

# These say nothing about the worker: somebody or the system's memory guard ended it. The last is a Ctrl-C that a
# command answered itself.
_FROM_OUTSIDE = {-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP, 128 + signal.SIGINT}


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerExit:
    """How a worker process ended.

    Attributes:
        code: its exit code, for a signal the signal's number, negative.
        after_s: seconds after its start.
    """

    code: int
    after_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartPolicy:
    """Restarts with growing pauses, up to a number of equal failures.

    Attributes:
        first_delay_s: pause before the first restart; every further early end doubles it.
        longest_delay_s: the longest pause.
        early_s: an end so soon after the start is an early one.
        max_failures: so many early ends with the same code in a row are enough.
    """

    first_delay_s: float = 1.0
    longest_delay_s: float = 60.0
    early_s: float = 60.0
    max_failures: int = 5

    def delay_s(self, exits: Sequence[WorkerExit]) -> float | None:
        """Return the pause before a worker's next start, None where it would only fail again.

        Args:
            exits: how its processes ended, oldest first; at least one.
        """
        n_early = 0
        while n_early < len(exits) and exits[-1 - n_early].after_s < self.early_s:
            n_early += 1
        last = exits[-self.max_failures :]
        is_same = len({item.code for item in last}) == 1 and exits[-1].code not in _FROM_OUTSIDE
        if n_early >= self.max_failures and is_same:
            return None
        return min(self.longest_delay_s, self.first_delay_s * 2.0 ** max(0, min(n_early, 64) - 1))
