import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spaces.candidate import Candidate
from spaces.layer_policy import ACTIVATION_BITS, WEIGHT_BITS, LayerPolicy, WeightQuantizer
from tests.spaces.builders import make_candidate

finite = st.floats(0, 1e6)
policies = st.builds(
    LayerPolicy,
    weight_bits=st.sampled_from(WEIGHT_BITS),
    activation_bits=st.sampled_from([None, *ACTIVATION_BITS]),
    jr_weight=finite,
    two_bit_quantizer=st.sampled_from([WeightQuantizer.TERNARY, WeightQuantizer.QUANTIZED_BITS]),
)
settings_by_name = st.dictionaries(st.text(max_size=5), finite, max_size=3)
candidates = st.builds(
    Candidate,
    policies=st.dictionaries(st.text(min_size=1, max_size=5), policies, max_size=4),
    topology=settings_by_name,
    training=settings_by_name,
)


@settings(deadline=None)
@given(candidates)
def test_json_round_trip_gives_an_equal_candidate(candidate):
    again = Candidate.from_json(json.loads(json.dumps(candidate.to_json())))
    assert again == candidate
    assert again.fingerprint == candidate.fingerprint


@settings(deadline=None)
@given(candidates, candidates)
def test_fingerprints_are_equal_exactly_for_equal_candidates(first, second):
    assert (first.fingerprint == second.fingerprint) == (first == second)


@pytest.mark.parametrize(
    "changes",
    [
        {"topology": {"width": 1.0}},
        {"training": {"learning_rate": 0.002}},
        {"policies": {"conv1": LayerPolicy(weight_bits=4, activation_bits=8, jr_weight=0.01)}},
    ],
)
def test_any_other_choice_changes_the_fingerprint(changes):
    assert make_candidate(**changes).fingerprint != make_candidate().fingerprint


def test_order_of_layers_does_not_change_the_fingerprint():
    policies = dict(reversed(make_candidate().policies.items()))
    assert make_candidate(policies=policies).fingerprint == make_candidate().fingerprint


@pytest.mark.parametrize(("first", "second"), [(1, 1.0), (0.0, -0.0)])
def test_equal_numbers_give_equal_fingerprints(first, second):
    one, other = make_candidate(topology={"width": first}), make_candidate(topology={"width": second})
    assert one == other
    assert one.fingerprint == other.fingerprint


def test_jacobian_term_is_seen_in_any_layer():
    assert make_candidate().has_jacobian_term
    assert not make_candidate(policies={"logits": LayerPolicy(weight_bits=8, activation_bits=None)}).has_jacobian_term


def test_candidate_does_not_change_with_the_mapping_it_was_made_from():
    topology = {"width": 0.5}
    candidate = make_candidate(topology=topology)
    topology["width"] = 1.0
    assert candidate.topology["width"] == 0.5


def test_mappings_of_a_candidate_are_read_only():
    with pytest.raises(TypeError):
        make_candidate().topology["width"] = 1.0
