"""A worker that is halted for longer than its lease and then goes on, as after a laptop's sleep or a full host."""

import signal

import pytest
from sqlalchemy import text

from spaces.errors import StorageError
from storage.records import TrialState
from storage.sql import open_engine, storage_errors, write_engine
from tests.integration.faults.fleet import wait_until

pytestmark = pytest.mark.slow

TRIALS = 6


def holds_lock(url: str) -> bool:
    """Return whether somebody holds a lock that the others would wait for."""
    engine = open_engine(url)
    is_sqlite = engine.dialect.name == "sqlite"
    try:
        with storage_errors(url), engine.connect() as connection:
            if is_sqlite:
                connection.exec_driver_sql("PRAGMA busy_timeout = 200")
        with storage_errors(url), write_engine(engine).begin() as connection:
            if not is_sqlite:
                connection.execute(text("SET LOCAL lock_timeout = '200ms'"))
                for table in ("cosearch_studies", "cosearch_trials", "cosearch_workers"):
                    connection.execute(text(f"SELECT 1 FROM {table} FOR UPDATE")).all()
    except StorageError as error:
        if error.is_transient:
            return True
        raise
    finally:
        engine.dispose()
    return False


def test_result_of_a_worker_halted_past_its_lease_is_refused(database_url, make_study):
    study = make_study(database_url, trials=TRIALS)
    with study.fleet(lease_s=2.0, pause_s=(0.5, 0.5)) as fleet:

        def halt_in_training() -> bool:
            """Halt it, unless it is about to write: a halted worker may not hold what the others wait for."""
            fleet.send("halted", signal.SIGSTOP)
            begun = study.begun()
            running = [record.number for record in study.results(TrialState.RUNNING)]
            if any(number >= 2 and begun[number] for number in running) and not holds_lock(database_url):
                return True
            fleet.send("halted", signal.SIGCONT)
            return False

        fleet.start("halted")
        wait_until(halt_in_training, "it trains")
        (left,) = study.results(TrialState.RUNNING)
        fleet.start("other")
        wait_until(lambda: "other" not in fleet.running(), "the other one has done the rest")
        before = study.results()
        fleet.send("halted", signal.SIGCONT)
        assert fleet.exit_codes() == {"halted": 0, "other": 0}
        refusal = f"trial {left.number} was taken over by 'other' (epoch 2, yours is 1)"
        assert refusal in fleet.log("halted")
    assert study.results() == before
    assert before[left.number].owner == "other"
    assert study.trained()[left.number] == 2
    study.check()
