"""When a worker that ended is started again, and when that is of no use; a function of how it ended so far."""

import signal
from collections.abc import Sequence
from dataclasses import dataclass

# These say nothing about the worker: somebody or the system's memory guard ended it. The last is a Ctrl-C that a
# command answered itself.
_FROM_OUTSIDE = {-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP, 128 + signal.SIGINT}

# Bad input, as a float parent that cannot be trained, a folder that takes no files, and another study than the stored
# one: they come again after every start, if only when the training has come that far.
_FROM_INPUT = {2, 3}


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
        first_delay_s: pause before the first restart; every further failure doubles it.
        longest_delay_s: the longest pause.
        early_s: an end so soon after the start is a failure; one for bad input always is.
        max_failures: so many failures with the same code in a row are enough.
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
        n_failures = 0
        while n_failures < len(exits) and self._is_failure(exits[-1 - n_failures]):
            n_failures += 1
        last = exits[-self.max_failures :]
        is_same = len({item.code for item in last}) == 1 and exits[-1].code not in _FROM_OUTSIDE
        if n_failures >= self.max_failures and is_same:
            return None
        return min(self.longest_delay_s, self.first_delay_s * 2.0 ** max(0, min(n_failures, 64) - 1))

    def verdict(self, exits: Sequence[WorkerExit]) -> str:
        """Return in words why a worker is not started again for which `delay_s` gave no pause."""
        is_early = all(item.after_s < self.early_s for item in exits[-self.max_failures :])
        when = f", each time within {self.early_s:g} s of its start" if is_early else " in a row"
        return f"failed {self.max_failures} times{when}"

    def _is_failure(self, end: WorkerExit) -> bool:
        return end.after_s < self.early_s or end.code in _FROM_INPUT
