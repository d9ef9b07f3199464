"""What an evaluation depends on: the candidate and its seed, and nothing else."""

import random

import numpy as np
import pytest

from search.evaluation import Evaluator, Watch
from search.models.topologies import make_topology
from search.runtime import tf
from spaces.candidate import Candidate
from spaces.layer_policy import LayerPolicy
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
