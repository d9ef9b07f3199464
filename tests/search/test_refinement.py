"""Refinements: what is trained, with which seeds, and how a stopped one goes on."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from search.bootstrap import Memory, create_memory
from search.evaluation import Evaluator, Watch
from search.models.topologies import make_topology
from search.patience import Patience
from search.refinement import PlannedRun, RefinementParts, Refiner, planned_runs, refinement_seed, refinement_spec
from search.stored_models import load_stored_model
from search.training.fit import FitProgress, StopRequestedError
from search.worker import trial_seed
from spaces.candidate import Candidate
from spaces.effort_specs import EarlyStoppingSpec
from spaces.layer_policy import LayerPolicy
from spaces.study_spec import StudySpec
from spaces.work_steps import WorkSteps
from storage.records import StudyRecord, TrialRecord
from storage.refinements import RefinementRepository, RefinementRun
from tests.builders import build_outcome, run_trial
from tests.search.fake_refining import FakeEvaluator
from tests.search.trained_digits import NoParents, digits_dataset, digits_spec

EPOCHS = 3


def scratch_spec() -> StudySpec:
    """Return a study that trains two epochs from random weights, with rungs that a refinement must not have."""
    spec = digits_spec()
    training = spec.training.model_copy(update={"start": "scratch", "learning_rate": (1e-2,)})
    return spec.model_copy(update={"training": training, "early_stopping": EarlyStoppingSpec(mode="watch")})


def build_candidate(weight_bits: int) -> Candidate:
    spec = scratch_spec()
    topology = make_topology(spec.topology, input_shape=(8, 8, 1), n_classes=10, choices={"width": 0.5})
    policies = {
        slot.name: LayerPolicy(weight_bits=weight_bits, activation_bits=4 if slot.has_activation else None)
        for slot in topology.slots
    }
    training = {"learning_rate": 1e-2, "adversarial_weight": 0.0}
    return Candidate(policies=policies, topology={"width": 0.5}, training=training)


@dataclass
class Notes:
    """A listener that keeps what it hears, and calls back after every batch."""

    on_batch: Callable[[FitProgress], None] = lambda _: None
    begun: list[tuple[int, int]] = field(default_factory=list)
    n_stored: list[int] = field(default_factory=list)
    batches: list[FitProgress] = field(default_factory=list)
    finished: list[RefinementRun] = field(default_factory=list)

    def refinement_started(self, planned: Sequence[PlannedRun], *, n_stored: int) -> None:
        self.n_stored.append(n_stored)

    def parent_started(self, choices: Any) -> None:
        pytest.fail("no parent is needed")

    def run_measured(self, steps: WorkSteps) -> None: ...

    def run_started(self, run: PlannedRun) -> None:
        self.begun.append((run.trial.number, run.repeat))

    def fit_progressed(self, progress: FitProgress) -> None:
        self.batches.append(progress)
        self.on_batch(progress)

    def run_finished(self, run: RefinementRun) -> None:
        self.finished.append(run)


class Bench:
    """One study of two trials with its memory; every `refine` is a new process' view of it."""

    def __init__(self, folder: Path, evaluator: Any) -> None:
        folder.mkdir(exist_ok=True)
        self.memory: Memory = create_memory(str(folder / "studies.db"))
        self.refinements: RefinementRepository = self.memory.refinements
        self.evaluator = evaluator
        spec = scratch_spec()
        self.study: StudyRecord = self.memory.repository.create_study(
            name=spec.name,
            spec=spec.model_dump(mode="json"),
            spec_fingerprint=spec.fingerprint,
            data=digits_dataset().describe(),
            versions={},
        )
        for number, bits in enumerate((4, 8)):
            outcome = build_outcome(0.5, 0.25, size_bytes=500)
            run_trial(self.memory.claims, self.study.id, number, outcome, candidate=build_candidate(bits))

    def refine(self, *numbers: int, n_seeds: int, stop: Callable[[], bool] = bool, **notes: Any) -> Notes:
        listener = Notes(**notes)
        Refiner(
            RefinementParts(
                study=self.study,
                spec=refinement_spec(scratch_spec(), epochs=EPOCHS),
                data_fingerprint=digits_dataset().fingerprint,
                trials=[self.memory.repository.trial(self.study.id, number) for number in numbers],
                n_seeds=n_seeds,
                evaluator=self.evaluator,
                repository=self.memory.repository,
                refinements=self.refinements,
                artifacts=self.memory.artifacts,
                unfinished=self.unfinished,
                provenance={"versions": {"tensorflow": "2"}},
                listener=listener,
                should_stop=stop,
                patience=Patience(stop, rng=random.Random(0)),
            )
        ).run()
        return listener

    @property
    def unfinished(self) -> Path:
        return self.memory.artifacts.root / "unfinished"

    def runs(self) -> list[RefinementRun]:
        return self.refinements.runs(self.study.id)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path, FakeEvaluator(EPOCHS))


def results(runs: Sequence[RefinementRun]) -> list[object]:
    return [(run.number, run.repeat, run.seed, run.measurement, dict(run.artifacts)) for run in runs]


class KilledError(BaseException):
    """Stands for a kill: nothing in the service may catch it."""


def kill_in_second_run(bench: Bench, *, epoch: int) -> None:
    """Refine trial 0 with two seeds, and be killed in the middle of an epoch of the second."""

    def kill(progress: FitProgress) -> None:
        if bench.runs() and (progress.epoch, progress.batch) == (epoch, 2):
            raise KilledError

    with pytest.raises(KilledError):
        bench.refine(0, n_seeds=2, on_batch=kill)
    assert [run.repeat for run in bench.runs()] == [0]


def test_every_run_is_stored_and_the_best_of_a_candidate_keeps_its_model(bench: Bench) -> None:
    notes = bench.refine(0, 1, n_seeds=2)
    assert (notes.n_stored, notes.begun) == ([0], [(0, 0), (1, 0), (0, 1), (1, 1)])
    runs = bench.runs()
    assert [(run.number, run.repeat, run.epochs) for run in runs] == [
        (number, repeat, EPOCHS) for number in (0, 1) for repeat in (0, 1)
    ]
    assert results(sorted(notes.finished, key=lambda run: (run.number, run.repeat)))[0][:4] == results(runs)[0][:4]
    for run in runs:
        assert run.measurement is not None
        assert run.measurement.seed == run.seed == refinement_seed(1, run.number, run.repeat)
        assert (run.timings, run.details) == ({"training_s": 1.5}, {"curve": [], "versions": {"tensorflow": "2"}})
    for pair in (runs[:2], runs[2:]):
        kept, other = sorted(pair, key=lambda run: run.merit, reverse=True)
        assert set(kept.artifacts) == {"model.json", "weights.npz"}
        assert not other.artifacts
    used = {digest for run in runs for digest in run.artifacts.values()}
    assert len(used) == 4
    assert bench.memory.artifacts.digests() == used == bench.memory.repository.referenced_digests()


def test_runs_that_are_stored_are_not_made_again(bench: Bench) -> None:
    bench.refine(0, 1, n_seeds=2)
    runs = bench.runs()
    again = bench.refine(0, 1, n_seeds=2)
    assert (again.n_stored, again.begun) == ([4], [])
    assert bench.runs() == runs
    more = bench.refine(1, n_seeds=3)
    assert (more.n_stored, more.begun) == ([2], [(1, 2)])


@pytest.mark.parametrize("epoch", [1, 2, EPOCHS])
def test_refinement_that_was_killed_goes_on_after_its_last_epoch(bench: Bench, tmp_path: Path, epoch: int) -> None:
    untouched = Bench(tmp_path / "untouched", FakeEvaluator(EPOCHS))
    untouched.refine(0, n_seeds=2)
    kill_in_second_run(bench, epoch=epoch)
    notes = bench.refine(0, n_seeds=2)
    assert (notes.n_stored, notes.begun) == ([1], [(0, 1)])
    assert (notes.batches[0].epoch, notes.batches[0].batch) == (epoch, 1)
    assert results(bench.runs()) == results(untouched.runs())
    assert list(bench.unfinished.iterdir()) == []


def test_state_of_a_training_serves_no_other_training(bench: Bench) -> None:
    kill_in_second_run(bench, epoch=EPOCHS)
    notes = bench.refine(1, n_seeds=2)
    assert [progress.epoch for progress in notes.batches] == [1, 1, 2, 2, 3, 3] * 2


def test_wish_to_stop_is_granted_after_the_batch(bench: Bench) -> None:
    with pytest.raises(StopRequestedError):
        bench.refine(0, n_seeds=1, stop=lambda: True)
    assert bench.runs() == []


def test_failed_run_is_stored_with_its_reason_and_not_tried_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path, FakeEvaluator(EPOCHS, fails=(refinement_seed(1, 0, 0),)))
    bench.refine(0, n_seeds=2)
    failed, measured = bench.runs()
    assert (failed.measurement, failed.reason, dict(failed.artifacts)) == (None, "the loss is not finite", {})
    assert measured.measurement is not None
    assert set(measured.artifacts) == {"model.json", "weights.npz"}
    assert bench.refine(0, n_seeds=2).begun == []


def test_two_refinements_at_once_leave_each_run_once(bench: Bench, tmp_path: Path) -> None:
    def other(progress: FitProgress) -> None:
        if (progress.epoch, progress.batch) == (2, 1) and not bench.runs():
            bench.refine(0, n_seeds=2)

    notes = bench.refine(0, n_seeds=2, on_batch=other)
    assert notes.begun == [(0, 0)], "the second seed is stored when its turn comes"
    untouched = Bench(tmp_path / "untouched", FakeEvaluator(EPOCHS))
    untouched.refine(0, n_seeds=2)
    assert results(bench.runs()) == results(untouched.runs())
    assert bench.memory.artifacts.digests() == untouched.memory.artifacts.digests()


@pytest.mark.slow  # traces a network
def test_killed_training_goes_on_after_its_last_epoch_and_ends_like_one_that_was_never_touched(tmp_path: Path) -> None:
    parents, spec = NoParents(), refinement_spec(scratch_spec(), epochs=EPOCHS)
    bench = Bench(tmp_path, Evaluator(spec, digits_dataset(), parents))
    kill_in_second_run(bench, epoch=2)
    notes = bench.refine(0, n_seeds=2)
    assert (notes.begun, notes.batches[0].epoch) == ([(0, 1)], 2)
    resumed = bench.runs()[1]
    watch = Watch(on_parent=lambda _: None, on_progress=lambda _: None, should_stop=lambda: False)
    untouched = bench.evaluator.evaluate(build_candidate(4), seed=resumed.seed, watch=watch)
    parents.close()
    assert resumed.measurement == untouched.measurement
    assert resumed.measurement.checks, "the whole search suite, not that of a rung"
    assert [epoch["epoch"] for epoch in resumed.details["curve"]] == [1, 2, 3]
    (kept,) = [run for run in bench.runs() if run.artifacts]
    model = load_stored_model(bench.study, 0, digests=kept.artifacts, artifacts=bench.memory.artifacts)
    assert model.candidate == build_candidate(4)


def test_seeds_follow_from_study_trial_and_repeat_and_none_is_the_trials_own() -> None:
    keys = [(study, number, repeat) for study in range(3) for number in range(4) for repeat in range(5)]
    seeds = [refinement_seed(*key) for key in keys]
    assert seeds == [refinement_seed(*key) for key in keys]
    assert len(set(seeds)) == len(keys)
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert not set(seeds) & {trial_seed(study, number) for study in range(3) for number in range(4)}


def test_first_seed_of_all_candidates_comes_before_the_second(bench: Bench) -> None:
    trials: list[TrialRecord] = bench.memory.repository.trials(bench.study.id)
    planned = planned_runs(trials, study_seed=1, n_seeds=2)
    assert [(run.trial.number, run.repeat) for run in planned] == [(0, 0), (1, 0), (0, 1), (1, 1)]
    assert planned[0].seed == refinement_seed(1, 0, 0)


def test_refinement_has_no_rungs() -> None:
    spec = refinement_spec(scratch_spec(), epochs=40)
    assert (spec.training.epochs, spec.rungs()) == (40, ())
    assert spec.warm_start.is_off
