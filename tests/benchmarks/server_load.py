"""What workers cost a PostgreSQL server: transactions and its processors' time for a trial, a heartbeat, a poll.

    python -m tests.benchmarks.server_load [--json FILE] [--trials 1000] [--running 0 100]

The server is started here, on this machine. A trial is all that a worker says to the database beside its training, with
40 parameters and one rung, after a history of `--trials` finished trials and beside `--running` ones that other workers
have, once for each number: Optuna reads those anew at every ask. The server's time is that of its processes, the
worker's that of this one; on a busy machine both grow less than the clock's.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import psutil
from sqlalchemy import Connection, Engine, event

from search.listener import read_standing
from search.sampling import OptunaStudy, open_optuna_storage
from storage.claims import Claim, ClaimRepository
from storage.repository import Repository
from storage.workers import WorkerIdentity, WorkerRepository, WorkerState
from tests.benchmarks.bookkeeping import Times, run_trial
from tests.benchmarks.history import History, draw_outcome, open_optuna_study, write_history
from tests.builders import build_spec
from tests.postgres_server import running_server

_BUDGET = 10**6
_N_SMALL = 200  # heartbeats and polls
_LEASE_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Load:
    """What one call costs.

    Attributes:
        transactions: of the database.
        server_ms: processor time of the server.
        worker_ms: processor time of the worker.
    """

    transactions: float
    server_ms: float
    worker_ms: float


class Meter:
    """Counts the transactions of this process, and reads the clocks of its server's processors and its own."""

    def __init__(self) -> None:
        """Count from zero."""
        self._n_transactions = 0
        (self._server,) = (child for child in psutil.Process().children() if child.name() == "postgres")

    def __call__(self, call: Callable[[], object], *, n: int) -> Load:
        """Make a call `n` times and return what it costs once."""
        with self._counting():
            server_s, worker_s, n_before = self._server_s(), time.process_time(), self._n_transactions
            for _ in range(n):
                call()
            server_s, worker_s = self._server_s() - server_s, time.process_time() - worker_s
        n_transactions = self._n_transactions - n_before
        return Load(transactions=n_transactions / n, server_ms=1e3 * server_s / n, worker_ms=1e3 * worker_s / n)

    @contextmanager
    def _counting(self) -> Iterator[None]:
        """Hear of the ends of transactions, ours and Optuna's."""
        for name in ("commit", "rollback"):
            event.listen(Engine, name, self._count)
        try:
            yield
        finally:
            for name in ("commit", "rollback"):
                event.remove(Engine, name, self._count)

    def _count(self, _connection: Connection) -> None:
        self._n_transactions += 1

    def _server_s(self) -> float:
        own = self._server.cpu_times()
        running = [child.cpu_times() for child in self._server.children()]
        ended_s = own.children_user + own.children_system
        return float(ended_s + sum(times.user + times.system for times in [own, *running]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--trials", type=int, default=1000, help="finished trials before the first that is measured")
    parser.add_argument("--running", type=int, nargs="+", default=[0, 100], help="trials that other workers have")
    parser.add_argument("--measured", type=int, default=20, help="trials that are measured")
    arguments = parser.parse_args()
    loads: dict[str, Load] = {}
    with running_server(settings={"fsync": "on"}) as server:
        for n_running in arguments.running:
            url = server.create_database()
            history = write_history(url, n_trials=arguments.trials)
            begin_trials(history, url, n_running)
            found = measure(history, url, n_measured=arguments.measured)
            loads |= {f"{key}, {n_running} running": load for key, load in found.items()}
            history.engine.dispose()
    print(f"{f'{arguments.trials} trials finished':<28}{'transactions':>14}{'server, ms':>12}{'worker, ms':>12}")
    for key, load in loads.items():
        print(f"{key:<28}{load.transactions:>14.1f}{load.server_ms:>12.2f}{load.worker_ms:>12.1f}")
    if arguments.json is not None:
        values = {key: asdict(load) for key, load in loads.items()}
        arguments.json.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


def begin_trials(history: History, url: str, n_running: int) -> None:
    """Let Optuna begin trials that nobody ends."""
    objectives = build_spec().objective_values()
    study = OptunaStudy(
        open_optuna_storage(url), "tiny", space=history.space, objectives=objectives, sampler="random", seed=1
    )
    for _ in range(n_running):
        study.ask()


def measure(history: History, url: str, *, n_measured: int) -> dict[str, Load]:
    """Return what each thing costs that a worker does."""
    meter, study_id = Meter(), history.study.id
    claims, repository, workers = (kind(history.engine) for kind in (ClaimRepository, Repository, WorkerRepository))
    rng, times = np.random.default_rng(0), Times()

    def trial() -> None:
        look_for_work()
        run_trial(history, rng, times)  # one heartbeat among it
        for _ in range(2):  # told at the beginning and at the end
            read_standing(repository, study_id, budget=_BUDGET)

    def look_for_work() -> None:
        claims.claim_abandoned(study_id, owner="w1", ttl_s=_LEASE_S)
        claims.places(study_id, budget=_BUDGET)

    def poll() -> None:
        look_for_work()
        workers.beat(study_id, "w1", state=WorkerState.IDLE)

    def beat() -> None:
        claims.renew(lease, ttl_s=_LEASE_S)
        workers.beat(study_id, "w1", state=WorkerState.TRAINING, number=0)

    found = {"start": meter(lambda: open_optuna_study(url, history.space).unfinished(), n=1)}
    trial()  # which reads the history
    found["trial"] = meter(trial, n=n_measured)
    proposal = history.optuna_study.ask()
    workers.join(study_id, WorkerIdentity(name="w1", host="here", pid=1, n_threads=1), within_s=_LEASE_S)
    claim = claims.claim_new(
        study_id,
        number=proposal.number,
        candidate=history.space.decode(proposal.params),
        seed=0,
        owner="w1",
        ttl_s=_LEASE_S,
        budget=_BUDGET,
    )
    if not isinstance(claim, Claim):
        raise RuntimeError(f"trial {proposal.number} was not claimed: {claim}.")
    lease = claim.lease
    found["heartbeat"] = meter(beat, n=_N_SMALL)
    claims.finish(lease, draw_outcome(rng))
    return found | {"poll": meter(poll, n=_N_SMALL)}


if __name__ == "__main__":
    main()
