"""Workers that are killed at any moment."""

import random
import time

import pytest

from tests.integration.faults.fleet import wait_until

pytestmark = pytest.mark.slow

N_WORKERS, TRIALS = 8, 200


def test_workers_killed_at_random_lose_nothing_and_do_nothing_twice(database_url, make_study):
    """A random one of 8 is killed every 0.5 to 2 s and comes back under its name."""
    study, moments = make_study(database_url, trials=TRIALS, stopping="rungs"), random.Random()
    names = [f"w{number}" for number in range(N_WORKERS)]
    n_killed = n_done = 0
    with study.fleet(lease_s=5.0) as fleet:
        fleet.start(*names)
        while n_done < TRIALS:
            victim = moments.choice(names)
            fleet.kill(victim)
            fleet.start(victim)
            n_killed += 1
            time.sleep(moments.uniform(0.5, 2.0))
            # A machine that does nothing else all this time would never come to an end.
            before = n_done
            wait_until(lambda: study.n_done() > before or not fleet.running(), "another trial is finished")  # noqa: B023
            n_done = study.n_done()
        assert set(fleet.exit_codes().values()) == {0}
    assert n_killed >= 5
    study.check()
