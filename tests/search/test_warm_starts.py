import math

import pytest

from search.warm_starts import Neighbour, driven_layers, nearest_candidate, transfer
from spaces.candidate import Candidate
from spaces.layer_policy import LayerPolicy
from spaces.search_space import SearchSpace
from tests.spaces.builders import make_slots, make_spec

LAYERS = {"weight_bits": [2, 4, 8], "activation_bits": [3, 8], "jr_weight": [0.0, 0.01, 0.1]}


def make_space(*rules, **sections):
    return SearchSpace(make_spec(layers={**LAYERS, "rules": list(rules)}, **sections), make_slots())


def two_layers(bits=(8, 8), jr=(0.0, 0.0), activation_bits=8, width=1.0):
    policies = {
        "conv": LayerPolicy(weight_bits=bits[0], activation_bits=activation_bits, jr_weight=jr[0]),
        "logits": LayerPolicy(weight_bits=bits[1], activation_bits=None, jr_weight=jr[1]),
    }
    return Candidate(policies=policies, topology={"width": width}, training={"learning_rate": 1e-3})


def four_layers(space, **params):
    return space.decode({**space.baselines()[0], **params})


def test_nearest_candidate_is_the_one_with_the_fewest_halvings():
    trained = {3: two_layers((8, 2)), 5: two_layers((4, 8)), 7: two_layers((2, 2))}
    # From (4, 4): 1 + 1, 0 + 1, 1 + 1.
    assert nearest_candidate(two_layers((4, 4)), trained) == Neighbour(number=5, distance=1.0)


def test_activation_bits_and_jacobian_weights_count():
    trained = {1: two_layers(jr=(0.1, 0.0)), 2: two_layers(activation_bits=4), 3: two_layers(jr=(0.001, 0.0))}
    # From lambda 0.01: one decade up; two decades (0 counts as 0.0001) and one halving; one decade down.
    assert nearest_candidate(two_layers(jr=(0.01, 0.0)), {2: trained[2]}) == Neighbour(
        number=2, distance=pytest.approx(2)
    )
    found = nearest_candidate(two_layers(jr=(0.03, 0.0)), trained)
    assert found == Neighbour(number=1, distance=pytest.approx(math.log10(0.1 / 0.03)))


def test_same_candidate_is_at_distance_zero():
    assert nearest_candidate(two_layers(), {4: two_layers((4, 4)), 9: two_layers()}) == Neighbour(
        number=9, distance=0.0
    )


def test_oldest_of_equally_near_trials_is_taken():
    assert nearest_candidate(two_layers((4, 4)), {8: two_layers((8, 4)), 6: two_layers((4, 8))}).number == 6


def test_other_topologies_are_not_near():
    other_layers = Candidate(policies={"conv": two_layers().policies["conv"]}, topology={"width": 1.0}, training={})
    trained = {1: two_layers(width=0.5), 2: other_layers}
    assert nearest_candidate(two_layers(), trained) is None
    assert nearest_candidate(two_layers(), {}) is None


def test_driven_layers_of_ties_and_of_layers_on_their_own():
    space = make_space(
        {"match": "conv*", "weight_bits": [2, 4], "tie": True},
        {"match": "*", "jr_weight": [0.0, 0.1], "tie": True},
        {"match": "logits", "jr_weight": [0.0]},
    )
    assert driven_layers(space) == {
        "conv*.weight_bits": ("conv1", "conv2"),
        "conv1.activation_bits": ("conv1",),
        "*.jr_weight": ("conv1", "conv2"),
        "conv2.activation_bits": ("conv2",),
        "shortcut.weight_bits": ("shortcut",),
        "logits.weight_bits": ("logits",),
    }


def test_trial_of_an_equal_space_is_transferred_as_it_is():
    space = make_space()
    params = {
        **space.baselines()[0],
        "conv1.weight_bits": 2,
        "conv2.activation_bits": 3,
        "logits.jr_weight": 0.1,
        "topology.width": 0.5,
    }
    found = transfer({12: space.decode(params)}, space)
    assert [(trial.number, dict(trial.params), trial.is_exact) for trial in found.trials] == [(12, params, True)]
    assert (found.n_moved, found.repeated, found.dropped) == (0, (), ())


def test_values_that_are_not_offered_move_to_the_nearest():
    wide = make_space(
        {"match": "*", "weight_bits": [1, 3, 6, 8], "activation_bits": [2, 6], "jr_weight": [0.0, 0.004, 0.5]},
        training={"learning_rate": [0.01]},
    )
    candidate = four_layers(
        wide,
        **{
            "conv1.weight_bits": 1,
            "conv2.weight_bits": 3,
            "shortcut.weight_bits": 6,
            "conv1.activation_bits": 2,
            "conv1.jr_weight": 0.004,
            "conv2.jr_weight": 0.5,
        },
    )
    space = make_space(training={"learning_rate": [0.001, 0.005]})
    trial = transfer({0: candidate}, space).trials[0]
    assert not trial.is_exact
    assert dict(trial.params) == {
        **space.baselines()[0],
        "conv1.weight_bits": 2,
        "conv2.weight_bits": 4,  # 4 / 3 is less than 3 / 2
        "shortcut.weight_bits": 8,
        "conv1.activation_bits": 3,
        "conv2.activation_bits": 8,
        "conv1.jr_weight": 0.01,
        "conv2.jr_weight": 0.1,
        "training.learning_rate": 0.005,
    }


def test_zero_stays_zero():
    space = make_space()
    assert transfer({0: four_layers(space)}, space).trials[0].params["conv1.jr_weight"] == 0.0


def test_tied_layers_take_the_value_nearest_to_all():
    candidate = four_layers(make_space(), **{"conv1.weight_bits": 2, "conv2.weight_bits": 4, "logits.weight_bits": 4})
    space = make_space({"match": "*", "weight_bits": [2, 4, 8], "tie": True})
    trial = transfer({0: candidate}, space).trials[0]
    assert trial.params["*.weight_bits"] == 4  # of 2, 4, 8 and 4: two halvings in all
    assert not trial.is_exact


def test_trials_that_become_equal_are_kept_once_and_named():
    wide = make_space({"match": "*", "weight_bits": [6, 8]})
    candidates = {4: four_layers(wide, **{"conv1.weight_bits": 6}), 2: four_layers(wide), 9: four_layers(wide)}
    found = transfer(candidates, make_space())
    assert [trial.number for trial in found.trials] == [4]
    assert (found.n_moved, found.repeated) == (1, (2, 9))


def test_trials_of_another_topology_are_dropped_and_named():
    wide = make_space(topology={"name": "digits_cnn", "width": [0.25, 1.0]})
    candidates = {1: two_layers(), 2: four_layers(wide, **{"topology.width": 0.25}), 3: four_layers(wide)}
    found = transfer(candidates, make_space())
    assert [trial.number for trial in found.trials] == [3]
    assert found.dropped == (1, 2)
