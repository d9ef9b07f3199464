"""Training chosen candidates anew, longer than in the search and with several seeds; each run is stored when done."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np

from search.evaluation import Evaluation, Evaluator, Watch
from search.patience import Patience
from search.training.checkpoint import FitCheckpoint, FitState
from search.training.fit import FitProgress
from spaces.effort_specs import EarlyStoppingSpec, WarmStartSpec
from spaces.errors import TrialError
from spaces.measurement import Measurement
from spaces.study_spec import StudySpec
from spaces.work_steps import WorkSteps
from storage.artifacts import ArtifactStore
from storage.records import StudyRecord, TrialRecord
from storage.refinements import RefinementRepository, RefinementRun
from storage.repository import Repository


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRun:
    """One training that a refinement consists of.

    Attributes:
        repeat: 0 for the first seed.
        seed: of the training.
    """

    trial: TrialRecord
    repeat: int
    seed: int


class RefinementListener(Protocol):
    """Follows a refinement; every method returns at once."""

    def refinement_started(self, planned: Sequence[PlannedRun], *, n_stored: int) -> None:
        """The refinement begins, or goes on after the runs that are stored."""
        ...

    def parent_started(self, choices: Mapping[str, float]) -> None:
        """A float parent is being trained, because the stored one is lost or damaged."""
        ...

    def run_started(self, run: PlannedRun) -> None:
        """A run begins, or goes on after the last epoch that was kept."""
        ...

    def fit_progressed(self, progress: FitProgress) -> None:
        """A batch is done."""
        ...

    def run_measured(self, steps: WorkSteps) -> None:
        """A part of measuring a run begins."""
        ...

    def run_finished(self, run: RefinementRun) -> None:
        """A run is over, and stored."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RefinementParts:
    """What a refinement works with; `search.refine_setup` puts it together.

    Attributes:
        spec: of the study, with the refinement's epochs (`refinement_spec`).
        data_fingerprint: of the data set that `evaluator` trains on.
        trials: whose candidates are refined.
        n_seeds: runs of each.
        unfinished: folder for the states of trainings that are not finished.
        provenance: what every run's details record.
        should_stop: asked after every batch, and while a database is away.
    """

    study: StudyRecord
    spec: StudySpec
    data_fingerprint: str
    trials: Sequence[TrialRecord]
    n_seeds: int
    evaluator: Evaluator
    repository: Repository
    refinements: RefinementRepository
    artifacts: ArtifactStore
    unfinished: Path
    provenance: Mapping[str, Any]
    listener: RefinementListener
    should_stop: Callable[[], bool]
    patience: Patience


class Refiner:
    """Trains what is missing of a refinement."""

    def __init__(self, parts: RefinementParts) -> None:
        """Take over the parts."""
        self._parts = parts

    def run(self) -> None:
        """Train, measure and store every run that is not stored yet.

        The first seed of all candidates comes first, then the second: whenever it ends, candidates with equally many
        seeds compare. A kill loses the epoch that is being trained; another process that does the same at the same
        time costs time, but of two equal runs the first one stored stays.

        Raises:
            StopRequestedError: somebody asked to stop.
            ArtifactError: a model or the state of a training cannot be stored.
            ParentError: the float parent could not be trained.
        """
        parts = self._parts
        planned = planned_runs(parts.trials, study_seed=parts.spec.seed, n_seeds=parts.n_seeds)
        stored = self._stored()
        parts.listener.refinement_started(planned, n_stored=sum(_name(run) in stored for run in planned))
        for run in planned:
            if _name(run) not in self._stored():  # looked up again: another process may have stored it meanwhile
                self._train(run)

    def _stored(self) -> set[tuple[int, int]]:
        """Return trial number and seed of the runs that are stored."""
        parts = self._parts
        stored = parts.patience(lambda: parts.refinements.runs(parts.study.id, epochs=parts.spec.training.epochs))
        return {(run.number, run.seed) for run in stored}

    def _train(self, planned: PlannedRun) -> None:
        parts, candidate = self._parts, planned.trial.candidate
        parts.listener.run_started(planned)
        checkpoint = FitCheckpoint(parts.unfinished / f"{self._key(planned)}.npz")

        def after_epoch(_epochs: int, read_state: Callable[[], FitState]) -> None:
            checkpoint.save(read_state())

        watch = Watch(
            on_parent=parts.listener.parent_started,
            on_progress=parts.listener.fit_progressed,
            on_measured=parts.listener.run_measured,
            should_stop=parts.should_stop,
            after_epoch=after_epoch,
        )
        try:
            evaluation = parts.evaluator.evaluate(candidate, seed=planned.seed, watch=watch, start=checkpoint.load())
        except TrialError as error:
            run = self._failed(planned, error.reason)
        else:
            run = self._measured(planned, evaluation)
        superfluous = parts.patience(lambda: parts.refinements.save(parts.study.id, run))
        for digest in parts.patience(lambda: parts.repository.unreferenced(superfluous)):
            parts.artifacts.remove(digest)
        checkpoint.clear()
        parts.listener.run_finished(run)

    def _key(self, planned: PlannedRun) -> str:
        """Return what tells one training from all others, also from those of other databases in the same folder."""
        candidate = planned.trial.candidate.fingerprint
        made_from = (self._parts.spec.fingerprint, self._parts.data_fingerprint, candidate, str(planned.seed))
        return hashlib.sha256("/".join(made_from).encode()).hexdigest()

    def _measured(self, planned: PlannedRun, evaluation: Evaluation) -> RefinementRun:
        return self._run_of(
            planned,
            measurement=evaluation.measurement,
            timings=evaluation.timings,
            details=evaluation.details,
            artifacts={
                name: self._parts.artifacts.put(content) for name, content in evaluation.model.to_files().items()
            },
        )

    def _failed(self, planned: PlannedRun, reason: str) -> RefinementRun:
        return self._run_of(planned, reason=reason)

    def _run_of(
        self,
        planned: PlannedRun,
        *,
        measurement: Measurement | None = None,
        reason: str | None = None,
        timings: Mapping[str, float] = MappingProxyType({}),
        details: Mapping[str, Any] = MappingProxyType({}),
        artifacts: Mapping[str, str] = MappingProxyType({}),
    ) -> RefinementRun:
        return RefinementRun(
            number=planned.trial.number,
            epochs=self._parts.spec.training.epochs,
            repeat=planned.repeat,
            seed=planned.seed,
            measurement=measurement,
            reason=reason,
            timings=dict(timings),
            details={**details, **self._parts.provenance},
            artifacts=dict(artifacts),
        )


def _name(run: PlannedRun) -> tuple[int, int]:
    return run.trial.number, run.seed


def planned_runs(trials: Sequence[TrialRecord], *, study_seed: int, n_seeds: int) -> tuple[PlannedRun, ...]:
    """Return the runs in the order in which they are made: the first seed of every trial, then the second."""
    return tuple(
        PlannedRun(trial=trial, repeat=repeat, seed=refinement_seed(study_seed, trial.number, repeat))
        for repeat in range(n_seeds)
        for trial in trials
    )


def refinement_seed(study_seed: int, number: int, repeat: int) -> int:
    """Return the seed of a run, which follows from the study's seed, the trial's number and the repeat.

    None of them is the trial's own seed: with that one the candidate was good enough to be chosen, so its figures
    would lift the mean.
    """
    # A key and not a third number: NumPy fills up with zeros, so [study_seed, number, 0] would be the trial's own.
    sequence = np.random.SeedSequence([study_seed, number], spawn_key=(repeat,))
    return int(sequence.generate_state(1)[0] % 2**31)


def refinement_spec(spec: StudySpec, *, epochs: int) -> StudySpec:
    """Return a study's specification with other epochs, and without what saves effort in the search.

    Every run of a refinement goes to its end, and starts as the study says and not from another candidate's weights.
    """
    training = spec.training.model_copy(update={"epochs": epochs})
    alike = {"training": training, "early_stopping": EarlyStoppingSpec(), "warm_start": WarmStartSpec()}
    return spec.model_copy(update=alike)
