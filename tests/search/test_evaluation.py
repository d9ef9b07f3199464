"""What an evaluation depends on: the candidate and its seed, and nothing else."""

import random
from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from search.evaluation import Evaluator, RungArrival, Watch
from search.inheritance import KeptModel
from search.models.logit_scale import scale_logits
from search.models.topologies import make_topology
from search.runtime import tf
from search.training.checkpoint import FitState
from spaces.candidate import Candidate
from spaces.effort_specs import EarlyStoppingSpec
from spaces.layer_policy import LayerPolicy
from spaces.measurement import Measurement
from spaces.study_spec import StudySpec
from tests.search.trained_digits import NoParents, digits_dataset, digits_spec


def scratch_spec() -> StudySpec:
    spec = digits_spec()
    training = spec.training.model_copy(update={"start": "scratch", "epochs": 1, "learning_rate": (1e-2,)})
    return spec.model_copy(update={"training": training})


def build_candidate() -> Candidate:
    spec = scratch_spec()
    topology = make_topology(spec.topology, input_shape=(8, 8, 1), n_classes=10, choices={"width": 0.5})
    policies = {
        slot.name: LayerPolicy(
            weight_bits=4,
            activation_bits=4 if slot.has_activation else None,
            jr_weight=1e-3 if slot.has_jacobian_term else 0.0,
        )
        for slot in topology.slots
    }
    return Candidate(
        policies=policies, topology={"width": 0.5}, training={"learning_rate": 1e-2, "adversarial_weight": 0.0}
    )


def test_equal_seeds_give_equal_results_whatever_the_global_generators_hold() -> None:
    parents = NoParents()
    evaluator = Evaluator(scratch_spec(), digits_dataset(), parents)
    watch = Watch(on_parent=lambda _: pytest.fail("no parent is needed"), on_progress=lambda _: None, should_stop=bool)
    found = []
    for global_seed in (1, 2):
        random.seed(global_seed)
        np.random.seed(global_seed)
        tf.random.set_seed(global_seed)
        found.append(evaluator.evaluate(build_candidate(), seed=5, watch=watch))
    parents.close()
    first, second = found
    assert first.measurement == second.measurement
    for name, values in first.model.weights.items():
        np.testing.assert_array_equal(values, second.model.weights[name])


def test_scaled_logits_change_neither_training_nor_accuracy() -> None:
    parents, spec = NoParents(), scratch_spec()
    scaled_spec = spec.model_copy(update={"training": spec.training.model_copy(update={"logit_scale": 4.0})})
    watch = Watch(on_parent=lambda _: None, on_progress=lambda _: None, should_stop=bool)
    plain, scaled = (
        Evaluator(item, digits_dataset(), parents).evaluate(build_candidate(), seed=5, watch=watch)
        for item in (spec, scaled_spec)
    )
    parents.close()
    assert scaled.measurement.clean_accuracy == plain.measurement.clean_accuracy
    assert scaled.measurement.size_bytes == plain.measurement.size_bytes
    last = plain.model.topology.nodes[-1].name
    for name, values in plain.model.weights.items():
        factor = 4 if name in (f"{last}/kernel", f"{last}/bias") else 1
        np.testing.assert_array_equal(scaled.model.weights[name], factor * values)


def rung_spec(*, mode: str, start: str) -> StudySpec:
    """Return a study of four short epochs, with rungs after the first and the third."""
    spec = digits_spec()
    return spec.model_copy(
        update={
            "training": spec.training.model_copy(update={"start": start, "epochs": 4, "learning_rate": (1e-2,)}),
            "parent": spec.parent.model_copy(update={"epochs": 1}),
            "early_stopping": EarlyStoppingSpec(mode=mode, attack_examples=30),
        }
    )


class HaltedError(Exception):
    """Stands for the end of a worker."""


@pytest.mark.parametrize("start", ["scratch", pytest.param("parent", marks=pytest.mark.slow)])
def test_training_that_goes_on_from_a_rung_ends_like_one_that_was_never_halted(start: str) -> None:
    parents = NoParents()
    dataset, candidate = digits_dataset(), build_candidate()
    arrivals: list[RungArrival] = []

    def follow(halt_after: int | None = None) -> Watch:
        def at_rung(arrival: RungArrival) -> None:
            arrivals.append(arrival)
            if arrival.rung == halt_after:
                raise HaltedError

        return Watch(on_parent=lambda _: None, on_progress=lambda _: None, should_stop=lambda: False, at_rung=at_rung)

    here = Evaluator(rung_spec(mode="rungs", start=start), dataset, parents)
    whole = here.evaluate(candidate, seed=5, watch=follow())
    assert [(item.rung, item.measurement.epochs) for item in arrivals] == [(0, 1), (1, 3)]
    uninterrupted = [item.measurement for item in arrivals]
    arrivals.clear()

    with pytest.raises(HaltedError):
        here.evaluate(candidate, seed=5, watch=follow(halt_after=0))
    state = FitState.from_bytes(arrivals[0].state.to_bytes())
    here.evaluate(candidate, seed=9, watch=follow())  # another trial of the same worker
    arrivals.clear()
    resumed = here.evaluate(candidate, seed=5, watch=follow(), start=state)
    assert [item.measurement for item in arrivals] == uninterrupted[1:]
    arrivals.clear()

    elsewhere = Evaluator(rung_spec(mode="off", start=start), dataset, parents)
    unwatched = elsewhere.evaluate(candidate, seed=5, watch=follow())
    resumed_elsewhere = elsewhere.evaluate(candidate, seed=5, watch=follow(), start=state)
    parents.close()
    assert arrivals == []
    for other in (resumed, unwatched, resumed_elsewhere):
        assert [epoch["epoch"] for epoch in other.details["curve"]] == [1, 2, 3, 4]
        assert other.measurement == whole.measurement
        assert other.model.integer_bits == whole.model.integer_bits
        for name, values in whole.model.weights.items():
            np.testing.assert_array_equal(values, other.model.weights[name])


def test_measurement_at_a_rung_attacks_few_examples_of_every_class_and_runs_the_preconditions() -> None:
    parents, spec = NoParents(), rung_spec(mode="rungs", start="scratch")
    found: list[Measurement] = []

    def at_rung(arrival: RungArrival) -> None:
        found.append(arrival.measurement)
        raise HaltedError

    watch = Watch(on_parent=lambda _: None, on_progress=lambda _: None, should_stop=bool, at_rung=at_rung)
    with pytest.raises(HaltedError):
        Evaluator(spec, digits_dataset(), parents).evaluate(build_candidate(), seed=5, watch=watch)
    parents.close()
    (measurement,) = found
    assert measurement.epochs == 1
    assert all(value * 30 == pytest.approx(round(value * 30)) for value in measurement.worst_case)
    assert [check.name for check in measurement.checks] == [
        "logits_not_probabilities",
        "deterministic",
        "batch_invariant",
    ]
    assert all(check.is_precondition for check in measurement.checks)


class OneKept:
    """Has one kept model for every candidate."""

    def __init__(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        self._weights = weights

    def nearest(self, candidate: Candidate) -> KeptModel:
        return KeptModel(number=7, distance=2.0, weights=self._weights)


@pytest.mark.slow
def test_candidate_starts_from_the_kept_model_where_its_loss_is_lower() -> None:
    parents, dataset, candidate = NoParents(), digits_dataset(), build_candidate()
    spec = rung_spec(mode="rungs", start="parent")
    arrivals: list[RungArrival] = []
    watch = Watch(
        on_parent=lambda _: None, on_progress=lambda _: None, should_stop=lambda: False, at_rung=arrivals.append
    )
    alone = Evaluator(spec, dataset, parents).evaluate(candidate, seed=5, watch=watch)
    assert "start" not in alone.details
    arrivals.clear()

    heir = Evaluator(spec, dataset, parents, OneKept(alone.model.weights))
    better = heir.evaluate(candidate, seed=5, watch=watch)
    start = better.details["start"]
    assert (start["taken"], start["nearest"], start["distance"]) == ("trial 7", 7, 2.0)
    assert 0 < start["kept_loss"] < start["parent_loss"]
    assert better.details["curve"][0]["cross_entropy"] < alone.details["curve"][0]["cross_entropy"]

    scaled_spec = spec.model_copy(update={"training": spec.training.model_copy(update={"logit_scale": 4.0})})
    kept = scale_logits(alone.model.weights, alone.model.topology, factor=4.0)
    scaled = Evaluator(scaled_spec, dataset, parents, OneKept(kept)).evaluate(candidate, seed=5, watch=watch)
    assert scaled.details["start"]["kept_loss"] == start["kept_loss"]
    expected = scale_logits(better.model.weights, better.model.topology, factor=4.0)
    for name, values in expected.items():
        np.testing.assert_array_equal(scaled.model.weights[name], values)

    zeros = {name: np.zeros_like(values) for name, values in alone.model.weights.items()}
    elsewhere = Evaluator(spec, dataset, parents, OneKept(zeros))
    resumed = elsewhere.evaluate(candidate, seed=5, watch=watch, start=arrivals[0].state)
    assert resumed.details["start"] == {"taken": "checkpoint", "epochs": 1}
    begun_anew = elsewhere.evaluate(candidate, seed=5, watch=watch)
    start = begun_anew.details["start"]
    assert start["taken"] == "parent"
    assert start["kept_loss"] > start["parent_loss"]
    for found, expected in ((resumed, better), (begun_anew, alone)):
        for name, values in expected.model.weights.items():
            np.testing.assert_array_equal(values, found.model.weights[name])
    parents.close()
