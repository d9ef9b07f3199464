"""What a study tries first, on a space of 12 candidates whose parents are measured by arithmetic."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from search.evaluation import Watch
from search.models.topologies import digits_cnn
from search.parents import Parent
from search.sensitivity import BitEffect, ExaminedParent, Sensitivity
from search.training.fit import StopRequestedError
from search.trials.first_trials import FirstTrials, Proposed
from search.trials.parts import WorkerParts
from search.trials.taken_over import best_first, taken_over
from search.worker import Worker
from spaces.effort_specs import WarmStartSpec
from spaces.errors import SelectionError
from spaces.search_space import SearchSpace
from storage.records import TrialState
from tests.builders import build_measurement
from tests.search.worker_bench import TIED, TOPOLOGY, Bench, FakeEvaluator


def effects(**errors: float) -> dict[int, BitEffect]:
    return {int(bits[1:]): BitEffect(loss=0.0, accuracy=1.0, logit_error=error) for bits, error in errors.items()}


@dataclass
class MeasuringEvaluator(FakeEvaluator):
    """Says that fewer bits are worse; every call gives another figure, so that two measurements differ."""

    examined: list[dict[str, float]] = field(default_factory=list)

    def examine_parent(self, choices: Any, *, space: SearchSpace, watch: Watch) -> ExaminedParent:
        watch.on_parent(choices)
        self.examined.append(dict(choices))
        factor = float(len(self.examined))
        return ExaminedParent(
            parent=Parent(weights={"w": np.ones(2, np.float32)}, clean_accuracy=0.9, source="trained here"),
            sensitivity=Sensitivity(
                bits={"*.weight_bits": effects(b8=0.0, b4=0.1 * factor, b2=0.9), "*.activation_bits": effects(b8=0.0)},
                jacobian_terms={"*.jr_weight": 1.0},
            ),
        )


def parts_of(bench: Bench, **warm_start: Any) -> WorkerParts:
    bench.evaluator = MeasuringEvaluator()
    bench.worker(constraints=warm_start.pop("constraints", ()), trials=warm_start.pop("budget", 12))
    return parts_like(bench.parts, **warm_start)


def parts_like(parts: WorkerParts, **warm_start: Any) -> WorkerParts:
    """Return the parts of a study that was stored with another warm start."""
    spec = parts.spec.model_copy(update={"warm_start": WarmStartSpec(**warm_start)})
    study = replace(parts.study, spec=spec.model_dump(mode="json"), spec_fingerprint=spec.fingerprint)
    return replace(parts, spec=spec, study=study)


def first_trials(parts: WorkerParts) -> list[Proposed]:
    return FirstTrials(parts).up_to(99)


def fingerprints(parts: WorkerParts) -> list[str]:
    return [parts.space.decode(params).fingerprint for params in first_trials(parts)]


def test_baselines_come_first_and_priors_follow_each_once(bench: Bench) -> None:
    parts = parts_of(bench, priors=8)
    found = first_trials(parts)
    assert found[:2] == list(parts.space.baselines())
    assert len(found) > 2
    assert len(set(fingerprints(parts))) == len(found)
    assert {params["*.weight_bits"] for params in found[2:]} <= {2, 4}


def test_parents_are_measured_when_the_first_prior_of_their_topology_is_asked_for(bench: Bench) -> None:
    parts = parts_of(bench, priors=8)
    wide = parts.spec.topology.model_copy(update={"width": (0.25, 0.5)})
    spec = parts.spec.model_copy(update={"topology": wide})
    first = FirstTrials(replace(parts, spec=spec, space=SearchSpace(spec, TOPOLOGY.slots)))
    assert len(first.up_to(1)) == 2
    assert bench.evaluator.examined == []
    assert first.up_to(2)[2]["topology.width"] == 0.5  # the largest first
    assert bench.evaluator.examined == [{"width": 0.5}]
    widths = [params["topology.width"] for params in first.up_to(5)]
    assert widths[2:] == [0.5, 0.25, 0.5, 0.25]
    assert bench.evaluator.examined == [{"width": 0.5}, {"width": 0.25}]
    assert first.up_to(3) == first.up_to(5)[:4]


def forget_sensitivities(bench: Bench) -> None:
    with bench.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM cosearch_parents")


def test_interrupted_measurement_is_made_good_and_the_priors_stay_what_they_are(bench: Bench) -> None:
    parts = parts_of(bench, priors=3, budget=6)
    expected = fingerprints(parts_like(parts, priors=3))

    class Interrupted(MeasuringEvaluator):
        def examine_parent(self, choices: Any, *, space: SearchSpace, watch: Watch) -> ExaminedParent:
            raise StopRequestedError

    forget_sensitivities(bench)
    interrupted: Any = Interrupted()
    with pytest.raises(StopRequestedError):
        Worker(replace(parts, evaluator=interrupted)).run()
    assert [trial.number for trial in bench.trials()] == [0, 1]
    assert len(bench.optuna_trials()) == 3  # the third one was begun and has no parameters yet
    again: Any = MeasuringEvaluator()
    Worker(replace(parts, evaluator=again)).run()
    assert [trial.candidate.fingerprint for trial in bench.trials()][: len(expected)] == expected


def test_so_many_priors_as_wanted(bench: Bench) -> None:
    assert len(first_trials(parts_of(bench, priors=1))) == 3


def test_without_priors_no_parent_is_measured(bench: Bench) -> None:
    parts = parts_of(bench, inherit=True)
    assert first_trials(parts) == list(parts.space.baselines())
    assert bench.evaluator.examined == []


def test_parent_is_measured_once_for_all_workers(bench: Bench) -> None:
    parts = parts_of(bench, priors=8)
    first = first_trials(parts)
    again = first_trials(replace(parts, evaluator=bench.evaluator))
    assert again == first
    assert bench.evaluator.examined == [{"width": 0.25}]


def test_worker_that_measured_second_takes_what_the_first_one_stored(bench: Bench) -> None:
    parts = parts_of(bench, priors=8)

    class Race(MeasuringEvaluator):
        def examine_parent(self, choices: Any, *, space: SearchSpace, watch: Watch) -> ExaminedParent:
            found = super().examine_parent(choices, space=space, watch=watch)
            if len(self.examined) == 1:  # another worker is faster
                self.theirs = first_trials(replace(parts, evaluator=self))
            return found

    race: Any = Race()
    assert first_trials(replace(parts, evaluator=race)) == race.theirs
    assert len(race.examined) == 2


def test_measured_weights_are_referred_to_so_that_nobody_removes_them(bench: Bench) -> None:
    parts = parts_of(bench, priors=8)
    first_trials(parts)
    assert bench.artifacts.digests() == bench.repository.referenced_digests()


def test_priors_keep_the_constraint_on_what_bits_cost(bench: Bench) -> None:
    free = parts_of(bench, priors=8)
    sizes = [bench.evaluator.cost(free.space.decode(params)).size_bytes for params in first_trials(free)[2:]]
    bound = min(sizes)
    tight = replace(free, spec=free.spec.model_copy(update={"constraints": (f"size_bytes <= {bound}",)}))
    found = [bench.evaluator.cost(tight.space.decode(params)).size_bytes for params in first_trials(tight)[2:]]
    assert found
    assert max(found) <= bound
    nothing = replace(free, spec=free.spec.model_copy(update={"constraints": ("size_bytes <= 10",)}))
    assert len(first_trials(nothing)) == 2


def test_worker_trains_the_priors_after_the_baselines_and_optuna_knows_them(bench: Bench) -> None:
    parts = parts_of(bench, priors=3, budget=6)
    expected = fingerprints(parts)
    Worker(parts).run()
    trials = bench.trials()
    assert [trial.candidate.fingerprint for trial in trials[: len(expected)]] == expected
    told = bench.optuna_trials()
    for trial in trials:
        assert told[trial.number].params.keys() == {"*.weight_bits", "*.activation_bits", "*.jr_weight"}
        assert told[trial.number].params["*.weight_bits"] == trial.candidate.policies["conv0"].weight_bits


def run_other_study(bench: Bench) -> None:
    """Leave six finished trials of a study named other."""
    bench.worker(trials=6).run()
    with bench.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE cosearch_studies SET name = 'other'")


def test_best_of_another_study_are_tried_after_the_priors(bench: Bench) -> None:
    run_other_study(bench)
    there = bench.repository.get_study("other")
    parts = parts_of(bench, priors=2, study="other", trials=3)
    found = taken_over(bench.repository, parts.study, parts.spec, parts.space)
    assert found is not None
    records = {record.number: record for record in bench.repository.trials(there.id)}
    assert len(found.trials) == 3
    assert fingerprints(parts)[:4] == fingerprints(parts_like(parts, priors=2))
    tried = {records[trial.number].candidate.fingerprint for trial in found.trials}
    assert tried <= set(fingerprints(parts))
    front = {record.number for record in bench.repository.front(there.id)} - {0, 1}
    assert {trial.number for trial in found.trials} & front == {trial.number for trial in found.trials[: len(front)]}


def test_results_after_the_study_was_created_are_not_taken_over(bench: Bench) -> None:
    run_other_study(bench)
    parts = parts_of(bench, study="other")
    earlier = replace(parts.study, created_at=parts.study.created_at - timedelta(hours=1))
    found = taken_over(bench.repository, earlier, parts.spec, parts.space)
    assert found is not None
    assert found.sentence() == "nothing of study 'other' is taken over."


def test_what_is_taken_over_and_what_is_not_is_said(bench: Bench) -> None:
    run_other_study(bench)
    other = bench.repository.get_study("other")
    narrow = {**TIED, "weight_bits": [2, 8], "activation_bits": [8]}
    bench.worker(rule=narrow)
    parts = parts_like(bench.parts, study="other", trials=1)
    found = taken_over(bench.repository, parts.study, parts.spec, parts.space)
    assert found is not None
    (trial,) = found.trials
    assert found.sentence().startswith(f"tried early, of study 'other': trial {trial.number}")
    assert len(found.trials) + len(found.beyond) + len(found.repeated) <= 6
    assert f"the same here as one before: trial{'s' if len(found.repeated) > 1 else ''} " in found.sentence()

    wider = parts.spec.model_copy(update={"topology": parts.spec.topology.model_copy(update={"width": (0.5,)})})
    slots = digits_cnn.build(input_shape=(8, 8, 1), n_classes=10, width=0.5).slots
    found = taken_over(bench.repository, parts.study, wider, SearchSpace(wider, slots))
    assert found is not None
    feasible = best_first(bench.repository.trials(other.id, state=TrialState.COMPLETE), wider)
    listed = ", ".join(str(record.number) for record in feasible)
    assert found.sentence() == (
        f"nothing of study 'other' is taken over; not transferable, of another topology: trials {listed}."
    )


def test_study_that_is_not_there_is_said(bench: Bench) -> None:
    with pytest.raises(SelectionError, match="no study 'nowhere'"):
        first_trials(parts_of(bench, study="nowhere"))


def test_front_comes_first_and_infeasible_trials_do_not_come(bench: Bench) -> None:
    bench.worker(trials=3).run()
    spec = bench.parts.spec.model_copy(update={"constraints": ("clean_accuracy >= 0.5",)})
    figures = {0: (0.9, 0.1, 9000), 1: (0.8, 0.05, 9500), 2: (0.6, 0.6, 4000)}
    records = [
        replace(record, measurement=build_measurement(clean, robust, size_bytes=size))
        for record, (clean, robust, size) in zip(bench.trials(), figures.values(), strict=True)
    ]
    # Trial 1 is dominated by trial 0; trial 2 adds more volume than trial 0.
    assert [record.number for record in best_first(records, spec)] == [2, 0, 1]
    records[2] = replace(records[2], measurement=build_measurement(0.4, 0.9, size_bytes=100))
    assert [record.number for record in best_first(records, spec)] == [0, 1]
