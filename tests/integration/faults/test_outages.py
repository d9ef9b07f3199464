"""A database server that goes away while workers train: they wait, and bring every result."""

import random
import signal
import time

import pytest

from tests.integration.faults.fleet import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.postgres]

OUTAGES_S = (0.0, 0.5, 30.0, 1.0, 2.0)
TRIALS_BETWEEN = 12


def test_server_stopped_hard_five_times_costs_no_worker_and_no_result(own_server, make_study):
    study = make_study(own_server.create_database(), trials=TRIALS_BETWEEN * (len(OUTAGES_S) + 1), stopping="watch")
    names = [f"w{number}" for number in range(8)]
    with study.fleet(lease_s=20.0) as fleet:
        fleet.start(*names)
        for number, outage_s in enumerate(OUTAGES_S, start=1):
            wait_until(lambda: study.n_done() >= number * TRIALS_BETWEEN, "the next trials are finished")  # noqa: B023
            time.sleep(random.uniform(0.0, 0.5))
            own_server.stop(signal.SIGQUIT)
            time.sleep(outage_s)
            own_server.start()
        assert fleet.exit_codes() == dict.fromkeys(names, 0)
    study.check()
    # Each result was brought by the worker that trained it: no training was repeated.
    assert set(study.trained().values()) == {1}
    assert "Trying again" in study.logs()


def test_server_that_goes_away_exactly_when_results_are_told(own_server, make_study, tmp_path):
    """Both workers have recorded a result and are about to tell it to Optuna."""
    study, gate = make_study(own_server.create_database(), trials=6), tmp_path / "gate"
    gate.mkdir()
    names = ["w0", "w1"]
    with study.fleet(gate=gate) as fleet:
        fleet.start(*names)
        wait_until(lambda: all((gate / name).exists() for name in names), "both are about to tell")
        own_server.stop(signal.SIGQUIT)
        (gate / "open").touch()
        wait_until(lambda: all("Trying again" in fleet.log(name) for name in names), "both have tried")
        assert fleet.running() == names
        own_server.start()
        assert fleet.exit_codes() == dict.fromkeys(names, 0)
    study.check()
    assert set(study.trained().values()) == {1}
