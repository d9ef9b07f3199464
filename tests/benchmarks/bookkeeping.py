"""What a trial costs beside its training: Optuna's ask and tell, our claim, rung and result, at a long history.

    python -m tests.benchmarks.bookkeeping [--json FILE] [--trials 1000] [--postgres]

SQLite has `--trials` finished trials of 40 parameters, PostgreSQL, with `--postgres`, ten times as many, on a server
that is started here. The front is read among the larger number on both. Times are medians over the last trials, in
milliseconds of the clock and of this process's own work: on a busy machine only the second says something.
"""

import argparse
import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from search.early_stopping import RungPoint, RungRule, decide
from storage.claims import Claim, ClaimRepository
from storage.repository import Repository
from storage.rungs import RungRepository
from storage.workers import WorkerIdentity, WorkerRepository, WorkerState
from tests.benchmarks.history import History, draw_outcome, write_history
from tests.builders import build_measurement, build_spec
from tests.postgres_server import running_server

TARGETS = {
    "sqlite_bookkeeping_ms": "<= 100",
    "postgres_bookkeeping_ms": "<= 250",
    "sqlite_front_read_ms": "<= 50",
    "postgres_front_read_ms": "<= 50",
}
_RULE = RungRule.of(build_spec())
_PARTS = ("ask", "claim", "rung", "finish", "tell")


class Times(defaultdict[str, list[tuple[float, float]]]):
    """Part of a trial -> milliseconds of the clock and of own work, trial by trial."""

    def __init__(self) -> None:
        super().__init__(list)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--trials", type=int, default=1000, help="history on SQLite; ten times as long on PostgreSQL")
    parser.add_argument("--measured", type=int, default=50, help="trials that are timed after it")
    parser.add_argument("--postgres", action="store_true", help="measure on PostgreSQL too")
    arguments = parser.parse_args()
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        figures |= measure("sqlite", f"{folder}/small.db", n_trials=arguments.trials, n_measured=arguments.measured)
        long = write_history(f"{folder}/large.db", n_trials=10 * arguments.trials)
        figures |= read_front(long, "sqlite")
        long.engine.dispose()
    if arguments.postgres:
        with running_server(settings={"fsync": "on"}) as server:
            n_trials = 10 * arguments.trials
            url = server.create_database()
            figures |= measure("postgres", url, n_trials=n_trials, n_measured=arguments.measured)
    print(f"{'key':<28}{'measured':>10}{'own work':>10}  target")
    for key, target in TARGETS.items():
        shown = (f"{figures[each]:.1f}" if each in figures else "not run" for each in (key, own_key(key)))
        print(f"{key:<28}{''.join(f'{text:>10}' for text in shown)}  {target}")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def own_key(key: str) -> str:
    """Return the key of the time that this process itself worked."""
    return key.replace("_ms", "_own_ms")


def measure(name: str, url: str, *, n_trials: int, n_measured: int) -> dict[str, float]:
    """Time trials after a history, print the parts, and return medians in milliseconds by key."""
    history = write_history(url, n_trials=n_trials)
    times = Times()
    with timed(times, "load"):  # what a worker pays once, when it starts
        history.optuna_study.unfinished()
    for step in range(n_measured):
        run_trial(history, np.random.default_rng(step), times)
    times["bookkeeping"] = [
        tuple(np.sum(parts, axis=0)) for parts in zip(*(times[part] for part in _PARTS), strict=True)
    ]
    figures = read_front(history, name)
    print(f"{name}: {n_trials} trials, median of the last {n_measured} in ms: clock, own work")
    for part, pairs in times.items():
        figures |= figures_of(f"{name}_{part}_ms", pairs)
        print(f"  {part:<12}{figures[f'{name}_{part}_ms']:9.1f}{figures[own_key(f'{name}_{part}_ms')]:9.1f}")
    history.engine.dispose()
    return figures


def figures_of(key: str, pairs: Sequence[tuple[float, float]]) -> dict[str, float]:
    """Return the medians of clock times and of own work."""
    clock, own = np.median(pairs, axis=0)
    return {key: float(clock), own_key(key): float(own)}


def run_trial(history: History, rng: np.random.Generator, times: Times) -> None:
    """Do everything that a worker does for one trial but its training."""
    study_id, engine = history.study.id, history.engine
    claims, rungs, repository = ClaimRepository(engine), RungRepository(engine), Repository(engine)
    with timed(times, "ask"):
        proposal = history.optuna_study.ask()
    candidate = history.space.decode(proposal.params)
    with timed(times, "claim"):
        repository.find_candidate(study_id, candidate.fingerprint)
        claim = claims.claim_new(
            study_id, number=proposal.number, candidate=candidate, seed=0, owner="w1", ttl_s=60.0, budget=10**6
        )
    if not isinstance(claim, Claim):
        raise RuntimeError(f"trial {proposal.number} was not claimed: {claim}.")
    lease, digest = claim.lease, "a" * 64
    measurement = build_measurement(0.5, 0.25, size_bytes=500)
    with timed(times, "decision"):  # with early stopping alone
        reached = [RungPoint.of(number, item, _RULE) for number, item in rungs.measured_at(study_id, 0).items()]
        decision = decide(RungPoint.of(lease.number, measurement, _RULE), reached, rule=_RULE)
    with timed(times, "rung"):
        rungs.record(
            lease,
            0,
            measurement=measurement,
            goes_on=decision.goes_on,
            decision=decision.to_json(),
        )
        rungs.keep_checkpoints(lease, 0, {"weights.h5": digest})
    outcome = draw_outcome(rng)
    with timed(times, "finish"):
        claims.finish(lease, outcome, artifacts={"model.h5": digest})
    if outcome.measurement is None:
        raise RuntimeError("a drawn outcome is complete.")
    values = [outcome.measurement.metric(name) for name in ("clean_accuracy", "robust_accuracy", "size_bytes")]
    with timed(times, "tell"):
        history.optuna_study.tell_complete(proposal.number, values, violations=[0.0])
        repository.mark_told(study_id, number=proposal.number)
    _time_heartbeat(history, times)


def read_front(history: History, name: str) -> dict[str, float]:
    """Time the reading of the front."""
    repository, times = Repository(history.engine), Times()
    for _ in range(20):
        with timed(times, "front"):
            repository.front(history.study.id)
    return figures_of(f"{name}_front_read_ms", times["front"])


def _time_heartbeat(history: History, times: Times) -> None:
    """Time what a worker does several times a minute while it trains; it is not a part of the total."""
    workers = WorkerRepository(history.engine)
    workers.join(history.study.id, WorkerIdentity(name="w1", host="here", pid=1, n_threads=1), within_s=60.0)
    with timed(times, "heartbeat"):
        workers.beat(history.study.id, "w1", state=WorkerState.TRAINING, number=0)


@contextmanager
def timed(times: Times, part: str) -> Iterator[None]:
    """Note how long a block took by the clock, and how long this process worked in it."""
    clock, own = time.perf_counter(), time.process_time()
    yield
    times[part].append((1e3 * (time.perf_counter() - clock), 1e3 * (time.process_time() - own)))


if __name__ == "__main__":
    main()
