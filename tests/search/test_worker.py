"""The trial loop on a space of 12 candidates, with an evaluator that trains nothing and counts its calls."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna
import pytest

from search.evaluation import Evaluation
from search.listener import Standing
from search.metrics.cost import candidate_cost
from search.models.topologies import digits_cnn
from search.sampling import OptunaStudy
from search.worker import Worker, WorkerParts, this_process, trial_seed
from spaces.candidate import Candidate
from spaces.errors import SpecError, TrialError
from spaces.measurement import Measurement
from spaces.search_space import SearchSpace
from spaces.spec_files import parse_spec
from storage.artifacts import ArtifactStore
from storage.migrations import upgrade
from storage.records import TrialRecord, TrialState
from storage.repository import Repository
from storage.sql import open_engine

TOPOLOGY = digits_cnn.build(input_shape=(8, 8, 1), n_classes=10, width=0.25)
TIED = {"match": "*", "tie": True, "weight_bits": [2, 4, 8], "activation_bits": [3, 8], "jr_weight": [0.0, 0.01]}
SPACE_SIZE = 3 * 2 * 2
METRICS = ("clean_accuracy", "robust_accuracy", "size_bytes")


class Killed(BaseException):
    """Stands for a kill: nothing in the service may catch it."""


@dataclass
class FakeEvaluator:
    """Draws figures from the candidate's fingerprint; `on_call` may raise instead."""

    trained: list[Candidate] = field(default_factory=list)
    seeds: list[int] = field(default_factory=list)
    on_call: Callable[[int], None] = lambda _: None

    def cost(self, candidate: Candidate) -> Any:
        return candidate_cost(TOPOLOGY, candidate)

    def evaluate(self, candidate: Candidate, *, seed: int, watch: Any) -> Evaluation:
        self.trained.append(candidate)
        self.seeds.append(seed)
        self.on_call(len(self.trained))
        clean, robust = (int(candidate.fingerprint[i : i + 6], 16) / 16**6 for i in (0, 6))
        measurement = Measurement(
            clean_accuracy=clean,
            robust_accuracy=robust,
            epsilons=(0.1,),
            worst_case=(robust,),
            attack_accuracy={},
            subset_clean_accuracy=clean,
            epochs=1,
            seed=seed,
            **self.cost(candidate).metrics(),
        )
        files = {"weights": candidate.fingerprint.encode()}
        model: Any = SimpleNamespace(to_files=lambda: files)
        return Evaluation(measurement=measurement, model=model, timings={"training_s": 1.0}, details={})


@dataclass
class Notes:
    """A listener that keeps what it hears."""

    finished: list[TrialRecord] = field(default_factory=list)
    exhausted: list[Standing] = field(default_factory=list)

    def parent_started(self, choices: Any) -> None: ...

    def trial_started(self, record: TrialRecord, standing: Standing) -> None: ...

    def fit_progressed(self, progress: Any) -> None: ...

    def trial_finished(self, record: TrialRecord, standing: Standing) -> None:
        self.finished.append(record)

    def space_exhausted(self, standing: Standing) -> None:
        self.exhausted.append(standing)


class Bench:
    """One study with its memory; every `worker` is a new process' view of it."""

    def __init__(self, folder: Path) -> None:
        engine = open_engine(str(folder / "studies.db"))
        upgrade(engine)
        self.repository = Repository(engine)
        self.dispose = engine.dispose
        self.artifacts = ArtifactStore(folder / "artifacts")
        self.optuna_storage = optuna.storages.InMemoryStorage()
        self.evaluator = FakeEvaluator()
        self.notes = Notes()

    def worker(
        self,
        *,
        trials: int = 6,
        constraints: Sequence[str] = (),
        rule: dict[str, Any] = TIED,
        keep_all: bool = False,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Worker:
        content = {
            "name": "small",
            "seed": 5,
            "data": {"name": "digits"},
            "topology": {"name": "digits_cnn", "width": 0.25},
            "layers": {"rules": [rule]},
            "robustness": {"epsilons": [0.1]},
            "objectives": [{"name": name, "reference": 12000 * (name == "size_bytes")} for name in METRICS],
            "constraints": list(constraints),
            "budget": {"trials": trials},
        }
        spec = parse_spec(content, source="small.toml")
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
        return Worker(
            WorkerParts(
                database_url="sqlite://",
                provenance={"versions": {"optuna": "5"}, "sampler": "random"},
                study=self.study,
                spec=spec,
                space=space,
                optuna_study=self.optuna_study,
                repository=self.repository,
                artifacts=self.artifacts,
                evaluator=evaluator,
                listener=self.notes,
                keep_all=keep_all,
                should_stop=should_stop,
            )
        )

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
        assert self.repository.check_front(self.study.id) == []
        return {record.number for record in self.repository.front(self.study.id)}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.dispose()


def bits_and_terms(candidate: Candidate) -> set[tuple[int, int | None, float]]:
    return {(policy.weight_bits, policy.activation_bits, policy.jr_weight) for policy in candidate.policies.values()}


def test_first_two_trials_are_the_widest_bits_without_and_with_jacobian_terms(bench):
    bench.worker(trials=2).run()
    without, with_terms = (bits_and_terms(candidate) for candidate in bench.evaluator.trained)
    assert without == {(8, 8, 0.0), (8, None, 0.0)}
    assert with_terms == {(8, 8, 0.01), (8, None, 0.01)}


def test_budget_counts_what_was_trained_and_the_front_is_that_of_all_results(bench):
    assert bench.worker(trials=6).run()
    assert len(bench.trials(TrialState.COMPLETE)) == len(bench.evaluator.trained) == 6
    assert bench.front()


def test_trial_seeds_follow_from_the_study_seed_and_the_number(bench):
    bench.worker(trials=6).run()
    complete = bench.trials(TrialState.COMPLETE)
    assert [record.seed for record in complete] == [trial_seed(5, record.number) for record in complete]
    assert [record.measurement.seed for record in complete] == bench.evaluator.seeds
    assert len({trial_seed(seed, number) for seed in range(20) for number in range(20)}) == 400


def test_candidate_over_the_size_limit_is_refused_before_training(bench):
    # At 8 bits the weights alone take 612 bytes, at 4 bits half of it.
    bench.worker(trials=9, constraints=["size_bytes <= 800"]).run()
    refused = [record for record in bench.trials(TrialState.REFUSED) if "by arithmetic" in record.reason]
    assert refused
    for record in refused:
        assert {policy.weight_bits for policy in record.candidate.policies.values()} == {8}
        assert "size_bytes <= 800" in record.reason
        assert f"size_bytes = {candidate_cost(TOPOLOGY, record.candidate).size_bytes}" in record.reason
        assert record.candidate not in bench.evaluator.trained
        assert bench.optuna_trials()[record.number].state is optuna.trial.TrialState.PRUNED


def test_baselines_are_trained_even_if_too_large_but_stay_off_the_front(bench):
    bench.worker(trials=4, constraints=["size_bytes <= 800"]).run()
    assert [record.state for record in bench.trials()[:2]] == [TrialState.COMPLETE] * 2
    assert not any(record.is_feasible for record in bench.trials()[:2])
    assert bench.front().isdisjoint({0, 1})


def test_study_of_a_small_space_ends_well_when_every_candidate_was_trained_once(bench):
    assert bench.worker(trials=50).run()
    fingerprints = [candidate.fingerprint for candidate in bench.evaluator.trained]
    assert len(fingerprints) == len(set(fingerprints)) == SPACE_SIZE
    (standing,) = bench.notes.exhausted
    assert (standing.trained, standing.budget) == (SPACE_SIZE, 50)
    repetitions = bench.trials(TrialState.REFUSED)
    assert all(record.reason.startswith("the same candidate as trial ") for record in repetitions)
    assert {bench.optuna_trials()[record.number].state for record in repetitions} <= {optuna.trial.TrialState.FAIL}


def test_exhausted_study_ends_well_again_when_it_is_launched_again(bench):
    bench.worker(trials=50).run()
    assert bench.worker(trials=60).run()
    assert len(bench.evaluator.trained) == SPACE_SIZE


def test_space_of_one_candidate_ends_well(bench):
    only = {"match": "*", "tie": True, "weight_bits": 4, "activation_bits": 8, "jr_weight": 0.0}
    assert bench.worker(trials=5, rule=only).run()
    assert len(bench.evaluator.trained) == 1


def test_limit_that_no_candidate_meets_is_an_error(bench):
    with pytest.raises(SpecError, match=r"each of the 12 candidates .* breaks a constraint .*'size_bytes <= 10'"):
        bench.worker(trials=5, constraints=["size_bytes <= 10"]).run()
    assert len(bench.evaluator.trained) == 2


def test_limit_that_nothing_in_a_large_space_meets_is_an_error_too(bench, monkeypatch):
    monkeypatch.setattr("search.worker._MAX_REFUSALS", 40)
    free = {**TIED, "tie": False}
    with pytest.raises(SpecError, match=r"40 proposals in a row were refused; widen .*'size_bytes <= 10'"):
        bench.worker(trials=5, constraints=["size_bytes <= 10"], rule=free).run()
    assert len(bench.evaluator.trained) == 2


def test_failed_trial_is_recorded_with_its_reason_and_the_study_goes_on(bench):
    def fail_third(call: int) -> None:
        if call == 3:
            raise TrialError("the loss is not finite")

    bench.evaluator.on_call = fail_third
    assert bench.worker(trials=5).run()
    (failed,) = bench.trials(TrialState.FAILED)
    assert failed.reason == "the loss is not finite"
    assert failed.measurement is None
    assert len(bench.trials(TrialState.COMPLETE)) == 4
    told = bench.optuna_trials()[failed.number]
    assert told.state is optuna.trial.TrialState.FAIL
    assert told.user_attrs["reason"] == "the loss is not finite"


def test_unexpected_error_passes_and_the_trial_is_trained_again_as_it_was(bench):
    def break_fourth(call: int) -> None:
        if call == 4:
            raise ZeroDivisionError

    bench.evaluator.on_call = break_fourth
    with pytest.raises(ZeroDivisionError):
        bench.worker(trials=6).run()
    (left,) = bench.trials(TrialState.RUNNING)
    bench.evaluator.on_call = lambda _: None
    assert bench.worker(trials=6).run()
    again = bench.trials()[left.number]
    assert again.state is TrialState.COMPLETE
    assert (again.candidate, again.seed) == (left.candidate, left.seed)
    assert bench.evaluator.trained[4] == bench.evaluator.trained[3] == left.candidate
    assert len(bench.trials(TrialState.COMPLETE)) == 6


def test_result_is_recorded_before_optuna_hears_of_it_and_is_told_later(bench, monkeypatch):
    def die(*arguments: Any, **keywords: Any) -> None:
        raise Killed

    worker = bench.worker(trials=4)
    with monkeypatch.context() as patch:
        patch.setattr(bench.optuna_study, "tell_complete", die)
        with pytest.raises(Killed):
            worker.run()
    (record,) = bench.trials()
    assert (record.state, record.is_told) == (TrialState.COMPLETE, False)
    assert bench.optuna_trials()[0].state is optuna.trial.TrialState.RUNNING

    bench.worker(trials=4).run()
    assert bench.optuna_trials()[0].values == [record.measurement.metric(name) for name in METRICS]
    assert len(bench.evaluator.trained) == 4
    assert all(trial.is_told for trial in bench.trials())


def test_kill_between_tell_and_mark_is_made_good(bench, monkeypatch):
    def die(*arguments: Any, **keywords: Any) -> None:
        raise Killed

    worker = bench.worker(trials=4)
    with monkeypatch.context() as patch:
        patch.setattr(bench.repository, "mark_told", die)
        with pytest.raises(Killed):
            worker.run()
    bench.worker(trials=4).run()
    assert all(trial.is_told for trial in bench.trials())
    assert len(bench.evaluator.trained) == 4


def test_optuna_has_named_objectives_with_directions_and_our_values(bench):
    bench.worker(trials=6, constraints=["clean_accuracy >= 0.4"]).run()
    study = optuna.load_study(study_name="small", storage=bench.optuna_storage)
    assert study.metric_names == list(METRICS)
    assert [direction.name for direction in study.directions] == ["MAXIMIZE", "MAXIMIZE", "MINIMIZE"]
    for record in bench.trials(TrialState.COMPLETE):
        told = study.trials[record.number]
        assert told.values == [record.measurement.metric(name) for name in METRICS]
        assert list(told.constraints.values()) == [*record.violations, 0.0]  # last: is the score withheld


def test_only_models_of_the_front_and_of_baselines_are_kept(bench):
    bench.worker(trials=10).run()
    assert bench.kept_models() == bench.front() | {0, 1}
    assert len(bench.kept_models()) < 10


def test_models_that_a_killed_worker_did_not_remove_are_removed_at_the_next_start(bench, monkeypatch):
    worker = bench.worker(trials=10)
    remove = worker._remove_models

    def remove_or_die(numbers: set[int]) -> None:
        if bench.kept_models() - bench.front() - {0, 1}:
            raise Killed
        remove(numbers)

    with monkeypatch.context() as patch:
        patch.setattr(worker, "_remove_models", remove_or_die)
        with pytest.raises(Killed):
            worker.run()
    n_trained = len(bench.trials(TrialState.COMPLETE))
    assert bench.kept_models() > bench.front() | {0, 1}
    bench.worker(trials=n_trained).run()
    assert len(bench.evaluator.trained) == n_trained
    assert bench.kept_models() == bench.front() | {0, 1}


def test_all_models_are_kept_on_demand(bench):
    bench.worker(trials=8, keep_all=True).run()
    assert bench.kept_models() == {record.number for record in bench.trials(TrialState.COMPLETE)}


def test_failed_trial_leaves_no_model(bench):
    def fail(call: int) -> None:
        raise TrialError("no")

    bench.evaluator.on_call = fail
    bench.worker(trials=3).run()
    assert bench.kept_models() == set()
    assert bench.front() == set()


def test_larger_budget_goes_on_and_a_smaller_one_trains_nothing(bench):
    bench.worker(trials=4).run()
    before = bench.trials()
    assert bench.worker(trials=3).run()
    assert bench.trials() == before
    bench.worker(trials=6).run()
    assert len(bench.evaluator.trained) == len(bench.trials(TrialState.COMPLETE)) == 6


def test_wish_to_stop_is_granted_between_trials(bench):
    worker = bench.worker(trials=6, should_stop=lambda: len(bench.evaluator.trained) == 3)
    assert not worker.run()
    assert len(bench.trials()) == 3


def test_an_interrupted_trial_is_taken_over_by_the_next_process(bench):
    bench.worker()
    proposal = bench.optuna_study.ask()
    candidate = bench.worker()._parts.space.decode(proposal.params)
    seed = trial_seed(5, 0)
    bench.repository.begin_trial(bench.study.id, number=0, candidate=candidate, seed=seed, owner="elsewhere:1")
    assert bench.worker(trials=2).run()
    assert bench.trials()[0].owner == this_process()


def test_running_trials_beyond_the_budget_are_left_for_a_larger_one(bench):
    assert bench.worker(trials=2).run()
    bench.optuna_study.ask()
    assert bench.worker(trials=2).run()
    assert len(bench.trials()) == 2
    assert bench.worker(trials=3).run()
    assert [record.number for record in bench.trials(TrialState.COMPLETE)] == [0, 1, 2]


def test_every_trial_records_versions_and_sampler(bench):
    bench.worker(trials=2).run()
    assert all(record.details["sampler"] == "random" for record in bench.trials())
    assert all(record.details["versions"] == {"optuna": "5"} for record in bench.trials())
