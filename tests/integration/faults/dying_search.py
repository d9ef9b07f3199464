"""The command line in a process of one thread that is killed when its trainings have come to a rung for the n-th time.

python -m tests.integration.faults.dying_search N worker --study ...
"""

import os
import signal
import sys
from itertools import count
from typing import TYPE_CHECKING

from search.cli.app import main
from search.threads import limit_threads

if TYPE_CHECKING:
    from search.evaluation import RungArrival
    from search.trials.rung_watch import RungWatch


def die_at(arrival_number: int) -> None:
    """Let the process be killed right after an arrival was stored."""
    from search.trials.rung_watch import RungWatch  # it comes with TensorFlow, which has to find its threads set

    arrive, arrivals = RungWatch.arrive, count(1)

    def arrive_and_die(self: "RungWatch", arrival: "RungArrival") -> None:
        arrive(self, arrival)
        if next(arrivals) == arrival_number:
            os.kill(os.getpid(), signal.SIGKILL)

    RungWatch.arrive = arrive_and_die  # type: ignore[method-assign]


if __name__ == "__main__":
    limit_threads(1)
    die_at(int(sys.argv[1]))
    sys.argv = ["search", *sys.argv[2:]]
    main()
