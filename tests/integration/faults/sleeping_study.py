"""A study for workers whose objective sleeps, and what must hold of it once they have ended, whatever happened."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna

from search.sampling import open_optuna_storage
from search.worker import trial_seed
from spaces.spec_files import parse_spec
from storage.artifacts import ArtifactStore
from storage.migrations import upgrade
from storage.records import TrialRecord, TrialState
from storage.repository import Repository
from storage.rungs import RungRepository
from storage.sql import open_engine
from storage.study_check import StudyChecker
from tests.integration.faults.fleet import Fleet
from tests.integration.faults.sleeping_worker import WorkerTask, make_optuna_study
from tests.search.worker_bench import EPOCHS, METRICS

NAME = "sleeping"
_LAYERS = {"weight_bits": [2, 4, 8], "activation_bits": [3, 8], "jr_weight": [0.0, 0.01]}


class SleepingStudy:
    """One stored study in an empty database, and its artifacts."""

    def __init__(self, url: str, folder: Path, *, trials: int, stopping: str = "off") -> None:
        self.url, self.folder, self.trials = url, folder, trials
        self.artifacts = ArtifactStore(folder / "artifacts")
        self._engine = open_engine(url)
        upgrade(self._engine)
        self.repository, self.rungs = Repository(self._engine), RungRepository(self._engine)
        content = {
            "name": NAME,
            "seed": 5,
            "data": {"name": "digits"},
            "topology": {"name": "digits_cnn", "width": 0.25},
            "layers": _LAYERS,
            "training": {"epochs": EPOCHS},
            "robustness": {"epsilons": [0.1]},
            "objectives": [{"name": name, "reference": 12000 * (name == "size_bytes")} for name in METRICS],
            "constraints": ["clean_accuracy >= 0.2"],
            "early_stopping": {"mode": stopping, "eta": 3},
            "budget": {"trials": trials},
        }
        self._spec = parse_spec(content, source="sleeping.toml")
        self.record = self.repository.create_study(
            name=NAME,
            spec=self._spec.model_dump(mode="json"),
            spec_fingerprint=self._spec.fingerprint,
            data={"name": "digits"},
            versions={},
        )
        with optuna_storage(url) as storage:
            make_optuna_study(storage, self.record)  # so that workers which start together find its tables

    def fleet(
        self,
        *,
        lease_s: float = 60.0,
        pause_s: tuple[float, float] = (0.05, 0.2),
        sampler: str = "random",
        gate: Path | None = None,
        model_bytes: int = 1000,
        file_limit_bytes: int | None = None,
    ) -> Fleet:
        """Return workers of this study; none is started."""
        common = WorkerTask(
            url=self.url,
            artifacts=self.artifacts.root,
            folder=self.folder,
            study=NAME,
            name="",
            lease_s=lease_s,
            pause_s=pause_s,
            sampler=sampler,
            gate=gate,
            model_bytes=model_bytes,
            file_limit_bytes=file_limit_bytes,
        )
        return Fleet(lambda name: replace(common, name=name))

    def results(self, state: TrialState | None = None) -> list[TrialRecord]:
        return self.repository.trials(self.record.id, state=state)

    def n_done(self) -> int:
        """Return how many trials have taken a place in the budget for good."""
        counts = self.repository.count_trials(self.record.id)
        return sum(count for state, count in counts.items() if state.is_budgeted and state is not TrialState.RUNNING)

    def begun(self) -> Counter[int]:
        """Return how often the training of each trial began, by number."""
        return self._count("*.begun")

    def trained(self) -> Counter[int]:
        """Return how often the training of each trial came to its end, by number."""
        return self._count("*.journal")

    def _count(self, files: str) -> Counter[int]:
        numbers = {trial_seed(self._spec.seed, record.number): record.number for record in self.results()}
        lines = [line for path in self.folder.glob(files) for line in path.read_text().split()]
        return Counter(numbers[int(line)] for line in lines)

    def logs(self) -> str:
        return "".join(path.read_text() for path in sorted(self.folder.glob("*.log")))

    def check(self) -> None:
        """Check that every trial of the budget has one result, and that nothing contradicts it or is left over."""
        self._check_budget()
        self._check_optuna()
        self._check_files()

    def _check_budget(self) -> None:
        records = self.results()
        assert sum(record.state.is_budgeted for record in records) == self.trials
        assert all(record.is_told and record.state is not TrialState.RUNNING for record in records)
        complete = {record.number for record in records if record.state is TrialState.COMPLETE}
        assert complete <= set(self.trained())
        found = StudyChecker(self._engine, self.artifacts).check(self.record.id)
        assert found.is_good, found
        assert self.repository.front(self.record.id)

    def _check_optuna(self) -> None:
        """Optuna has each number once, and of every finished trial what we have."""
        with optuna_storage(self.url) as storage:
            told = optuna.load_study(study_name=NAME, storage=storage).trials
        assert [trial.number for trial in told] == list(range(len(told)))
        for record in self.results():
            values = told[record.number].values
            if record.measurement is None:
                assert told[record.number].state in (optuna.trial.TrialState.PRUNED, optuna.trial.TrialState.FAIL)
            else:
                assert values == [record.measurement.metric(name) for name in METRICS]

    def _check_files(self) -> None:
        """Only models of the front and of the two baselines are there, no checkpoint and no undelivered result."""
        kept = {record.number for record in self.repository.front(self.record.id)} | {0, 1}
        numbers = [record.number for record in self.results()]
        models = {n: self.repository.artifacts(self.record.id, n) for n in numbers}
        assert {number for number, files in models.items() if files} <= kept
        assert not any(record.checkpoints for record in self.rungs.rungs(self.record.id))
        assert self.artifacts.digests() == {digest for files in models.values() for digest in files.values()}
        assert not [path for path in (self.artifacts.root / "outbox").rglob("*") if path.is_file()]

    def close(self) -> None:
        self._engine.dispose()


@contextmanager
def optuna_storage(url: str) -> Iterator[Any]:
    storage: Any = open_optuna_storage(url)
    try:
        yield storage
    finally:
        storage.remove_session()
        storage.engine.dispose()
