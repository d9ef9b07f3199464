"""One worker process whose objective sleeps: everything but the training is the service's own.

Processes are forked from one server that has imported all of this once, so that 32 of them share its memory and a
killed one is back within a fraction of a second.
"""

import logging
import multiprocessing
import os
import random
import resource
import signal
import sys
import time
from dataclasses import dataclass, field, replace
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import numpy as np
from optuna.storages import BaseStorage

from search.evaluation import Evaluation, RungArrival, Watch
from search.patience import Patience
from search.processes import this_worker
from search.sampling import OptunaStudy, open_optuna_storage
from search.training.checkpoint import FitState
from search.trials.outbox import Outbox
from search.trials.parts import WorkerParts
from search.worker import Worker
from spaces.candidate import Candidate
from spaces.search_space import SearchSpace
from spaces.spec_files import parse_spec
from storage.artifacts import ArtifactStore
from storage.claims import ClaimRepository
from storage.records import StudyRecord
from storage.repository import Repository
from storage.rungs import RungRepository
from storage.sql import open_engine
from storage.workers import WorkerRepository
from tests.search.worker_bench import TOPOLOGY, FakeEvaluator, Notes

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([__name__])


@dataclass(frozen=True, kw_only=True)
class WorkerTask:
    """What a worker is given.

    Attributes:
        folder: of the logs and of the journal, one file a worker: a line with the trial's seed for every training that
            came to its end.
        pause_s: range from which the seconds of every sleep are drawn, one before each rung and one at the end.
        gate: a folder where the worker's first word to Optuna waits: it makes the file `<name>` and waits for `open`.
        model_bytes: size of the largest file of a trained model.
        file_limit_bytes: no file of this process may grow beyond it until somebody lifts the limit; None for no limit.
    """

    url: str
    artifacts: Path
    folder: Path
    study: str
    name: str
    lease_s: float
    pause_s: tuple[float, float]
    sampler: str
    gate: Path | None
    model_bytes: int
    file_limit_bytes: int | None

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    @property
    def begun(self) -> Path:
        return self.folder / f"{self.name}.begun"

    @property
    def journal(self) -> Path:
        return self.folder / f"{self.name}.journal"


def start_worker(task: WorkerTask) -> ForkServerProcess:
    process = _CONTEXT.Process(target=run_worker, args=(task,), name=task.name)
    process.start()
    return process


def run_worker(task: WorkerTask) -> None:
    """Run the worker to its end; the exit code is 0 only where nothing was left to do."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for the tests, which end their workers
    descriptor = os.open(task.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, sys.stdout.fileno())
    os.dup2(descriptor, sys.stderr.fileno())
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    if task.file_limit_bytes is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (task.file_limit_bytes, hard))
    if not make_worker(task).run():
        sys.exit(1)


def make_worker(task: WorkerTask) -> Worker:
    patience = Patience(lambda: False, rng=random.Random())
    engine = patience(lambda: open_engine(task.url))
    repository = Repository(engine)
    study = patience(lambda: repository.get_study(task.study))
    spec = parse_spec(study.spec, source="stored study")
    identity = this_worker(task.name)
    artifacts = ArtifactStore(task.artifacts)
    gate = None if task.gate is None else task.gate / task.name
    evaluator: Any = SleepingEvaluator(rungs=spec.rungs(), task=task)
    parts = WorkerParts(
        identity=identity,
        lease_s=task.lease_s,
        provenance={"sampler": task.sampler},
        study=study,
        spec=spec,
        space=SearchSpace(spec, TOPOLOGY.slots),
        optuna_study=patience(lambda: make_optuna_study(open_optuna_storage(task.url), study, task.sampler, gate)),
        repository=repository,
        claims=ClaimRepository(engine),
        workers=WorkerRepository(engine),
        rungs=RungRepository(engine),
        artifacts=artifacts,
        outbox=Outbox(artifacts.root / "outbox", identity),
        evaluator=evaluator,
        listener=Notes(),
        keep_all=False,
        should_stop=lambda: False,
        patience=patience,
    )
    return Worker(parts)


def make_optuna_study(
    storage: BaseStorage, study: StudyRecord, sampler: str = "random", gate: Path | None = None
) -> OptunaStudy:
    spec = parse_spec(study.spec, source="stored study")
    optuna_study = GatedOptunaStudy(
        storage,
        study.name,
        space=SearchSpace(spec, TOPOLOGY.slots),
        objectives=spec.objective_values(),
        sampler=sampler,
        seed=spec.seed,
    )
    optuna_study.gate = gate
    return optuna_study


class GatedOptunaStudy(OptunaStudy):
    """Waits before the first result is told, where it has a gate."""

    gate: Path | None = None

    def tell_complete(self, *arguments: Any, **keywords: Any) -> None:
        if self.gate is not None:
            self.gate.touch()
            while not self.gate.with_name("open").exists():
                time.sleep(0.02)
            self.gate = None
        super().tell_complete(*arguments, **keywords)


@dataclass
class SleepingEvaluator(FakeEvaluator):
    """Sleeps and draws figures from the candidate's fingerprint.

    It never asks whether it should stop: a training that lost its lease comes to its end all the same. As in a real
    training, the weights at a rung and at the end are those of one trial only, the same ones when it is trained again.
    """

    task: WorkerTask = field(kw_only=True)

    def __post_init__(self) -> None:
        self.on_call = self.at = lambda _: time.sleep(random.uniform(*self.task.pause_s))

    def evaluate(self, candidate: Candidate, *, seed: int, watch: Watch, start: FitState | None = None) -> Evaluation:
        def at_rung(arrival: RungArrival) -> None:
            weights = {"seed": np.array([seed >> 16, seed & 0xFFFF], np.float32)}
            watch.at_rung(replace(arrival, state=replace(arrival.state, weights=weights)))

        _append(self.task.begun, seed)
        evaluation = super().evaluate(candidate, seed=seed, watch=replace(watch, at_rung=at_rung), start=start)
        _append(self.task.journal, seed)
        content = random.Random(seed).randbytes(self.task.model_bytes)
        model: Any = evaluation.model
        model.to_files = lambda: {"weights.npz": content}
        return evaluation


def _append(file: Path, seed: int) -> None:
    with file.open("ab", buffering=0) as lines:
        lines.write(b"%d\n" % seed)
