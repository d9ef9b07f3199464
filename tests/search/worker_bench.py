"""One study on a space of 12 candidates, with an evaluator that trains nothing and counts its calls."""

import hashlib
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import optuna

from search.evaluation import Evaluation, RungArrival, Watch
from search.listener import Listener, Standing
from search.metrics.cost import candidate_cost
from search.models.topologies import digits_cnn
from search.patience import Patience
from search.processes import this_worker
from search.sampling import OptunaStudy
from search.training.checkpoint import EpochRecord, FitState
from search.training.fit import StopRequestedError
from search.trials.outbox import Outbox
from search.trials.parts import WorkerParts
from search.worker import Worker
from spaces.candidate import Candidate
from spaces.measurement import Measurement
from spaces.search_space import SearchSpace
from spaces.spec_files import parse_spec
from storage.artifacts import ArtifactStore
from storage.claims import ClaimRepository
from storage.migrations import upgrade
from storage.records import TrialRecord, TrialState
from storage.repository import Repository
from storage.rungs import RungRepository
from storage.sql import open_engine
from storage.workers import WorkerIdentity, WorkerRepository
from tests.builders import check_front

TOPOLOGY = digits_cnn.build(input_shape=(8, 8, 1), n_classes=10, width=0.25)
TIED = {"match": "*", "tie": True, "weight_bits": [2, 4, 8], "activation_bits": [3, 8], "jr_weight": [0.0, 0.01]}
SPACE_SIZE = 3 * 2 * 2
METRICS = ("clean_accuracy", "robust_accuracy", "size_bytes")
EPOCHS, RUNGS = 8, (2, 6)


class Killed(BaseException):
    """Stands for a kill: nothing in the service may catch it."""


@dataclass
class FakeEvaluator:
    """Draws figures from the candidate's fingerprint, the same at every rung; `on_call` may raise instead.

    Attributes:
        rungs: epochs at which it arrives.
        at: called with the epochs after every arrival.
        starts: epochs that were done when each training began.
    """

    trained: list[Candidate] = field(default_factory=list)
    seeds: list[int] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    on_call: Callable[[int], None] = lambda _: None
    rungs: tuple[int, ...] = ()
    at: Callable[[int], None] = lambda _: None
    lasts_until_stopped: bool = False

    def cost(self, candidate: Candidate) -> Any:
        return candidate_cost(TOPOLOGY, candidate)

    def evaluate(self, candidate: Candidate, *, seed: int, watch: Watch, start: FitState | None = None) -> Evaluation:
        self.trained.append(candidate)
        self.seeds.append(seed)
        done = 0 if start is None else len(start.records)
        self.starts.append(done)
        self.on_call(len(self.trained))
        for rung, epochs in enumerate(self.rungs):
            if epochs > done:
                state = state_after(epochs)
                measurement = self.measurement(candidate, seed=seed, epochs=epochs)
                watch.at_rung(RungArrival(rung=rung, measurement=measurement, state=state, training_s=0.5))
                self.at(epochs)
        deadline = time.monotonic() + 30
        while self.lasts_until_stopped and time.monotonic() < deadline:
            if watch.should_stop():
                raise StopRequestedError
            time.sleep(0.01)
        files = {"weights": candidate.fingerprint.encode()}
        model: Any = SimpleNamespace(to_files=lambda: files)
        return Evaluation(
            measurement=self.measurement(candidate, seed=seed, epochs=EPOCHS),
            model=model,
            timings={"training_s": 1.0},
            details={},
        )

    def measurement(self, candidate: Candidate, *, seed: int, epochs: int) -> Measurement:
        clean, robust = (int(candidate.fingerprint[i : i + 6], 16) / 16**6 for i in (0, 6))
        return Measurement(
            clean_accuracy=clean,
            robust_accuracy=robust,
            epsilons=(0.1,),
            worst_case=(robust,),
            attack_accuracy={},
            subset_clean_accuracy=clean,
            epochs=epochs,
            seed=seed,
            **self.cost(candidate).metrics(),
        )


def state_after(epochs: int) -> FitState:
    records = tuple(
        EpochRecord(epoch=epoch + 1, cross_entropy=1.0, jacobian_term=0.0, elapsed_s=random.random())
        for epoch in range(epochs)
    )
    return FitState(records=records, weights={"w": np.full(2, epochs, np.float32)}, optimizer=())


@dataclass
class Notes(Listener):
    """A listener that keeps what it hears."""

    finished: list[TrialRecord] = field(default_factory=list)
    exhausted: list[Standing] = field(default_factory=list)
    waits: list[int] = field(default_factory=list)

    def trial_finished(self, record: TrialRecord, standing: Standing) -> None:
        self.finished.append(record)

    def waiting(self, running: int) -> None:
        self.waits.append(running)

    def space_exhausted(self, standing: Standing) -> None:
        self.exhausted.append(standing)


class Bench:
    """One study with its memory; every `worker` is a new process' view of it."""

    def __init__(self, folder: Path) -> None:
        engine = open_engine(str(folder / "studies.db"))
        upgrade(engine)
        self.engine, self.dispose = engine, engine.dispose
        self.repository, self.claims = Repository(engine), ClaimRepository(engine)
        self.workers, self.rungs = WorkerRepository(engine), RungRepository(engine)
        self.artifacts = ArtifactStore(folder / "artifacts")
        self.outboxes = folder / "artifacts" / "outbox"
        self.optuna_storage = optuna.storages.InMemoryStorage()
        self.evaluator = FakeEvaluator()
        self.notes = Notes()

    def worker(
        self,
        *,
        identity: WorkerIdentity | None = None,
        lease_s: float = 60.0,
        trials: int = 6,
        constraints: Sequence[str] = (),
        rule: dict[str, Any] = TIED,
        stopping: str = "off",
        keep_all: bool = False,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Worker:
        content = {
            "name": "small",
            "seed": 5,
            "data": {"name": "digits"},
            "topology": {"name": "digits_cnn", "width": 0.25},
            "layers": {"rules": [rule]},
            "training": {"epochs": EPOCHS},
            "robustness": {"epsilons": [0.1]},
            "objectives": [{"name": name, "reference": 12000 * (name == "size_bytes")} for name in METRICS],
            "constraints": list(constraints),
            "early_stopping": {"mode": stopping, "eta": 3},
            "budget": {"trials": trials},
        }
        spec = parse_spec(content, source="small.toml")
        self.evaluator.rungs = spec.rungs()
        space = SearchSpace(spec, TOPOLOGY.slots)
        self.study = self.repository.find_study("small") or self.repository.create_study(
            name="small",
            spec=spec.model_dump(mode="json"),
            spec_fingerprint=spec.fingerprint,
            data={"name": "digits"},
            versions={},
        )
        self.optuna_study = OptunaStudy(
            self.optuna_storage,
            "small",
            space=space,
            objectives=spec.objective_values(),
            sampler="random",
            seed=spec.seed,
        )
        evaluator: Any = self.evaluator
        identity = identity or this_worker()
        self.parts = WorkerParts(
            identity=identity,
            lease_s=lease_s,
            provenance={"versions": {"optuna": "5"}, "sampler": "random"},
            study=self.study,
            spec=spec,
            space=space,
            optuna_study=self.optuna_study,
            repository=self.repository,
            claims=self.claims,
            workers=self.workers,
            rungs=self.rungs,
            artifacts=self.artifacts,
            outbox=Outbox(self.outboxes, identity),
            evaluator=evaluator,
            listener=self.notes,
            keep_all=keep_all,
            should_stop=should_stop,
            patience=Patience(should_stop, rng=random.Random(0)),
        )
        return Worker(self.parts)

    def trials(self, state: TrialState | None = None) -> list[TrialRecord]:
        return self.repository.trials(self.study.id, state=state)

    def optuna_trials(self) -> list[optuna.trial.FrozenTrial]:
        return optuna.load_study(study_name="small", storage=self.optuna_storage).trials

    def kept_models(self) -> set[int]:
        numbers = {record.number for record in self.trials() if self.repository.artifacts(self.study.id, record.number)}
        on_disk = {
            hashlib.sha256(record.candidate.fingerprint.encode()).hexdigest()
            for record in self.trials()
            if record.number in numbers
        }
        assert self.artifacts.digests() == on_disk
        return numbers

    def front(self) -> set[int]:
        assert check_front(self.repository, self.study.id) == []
        return {record.number for record in self.repository.front(self.study.id)}
