"""Prior candidates of sensitivities that are worked by hand, on a space without a network."""

from collections.abc import Mapping
from typing import Any

from search.priors import prior_params
from search.sensitivity import BitEffect, Sensitivity
from spaces.candidate import Candidate
from spaces.search_space import SearchSpace
from tests.spaces.builders import make_slots, make_spec


def effects(**errors: float) -> dict[int, BitEffect]:
    return {int(bits[1:]): BitEffect(loss=0.0, accuracy=1.0, logit_error=error) for bits, error in errors.items()}


def hand_space(*rules: Mapping[str, Any]) -> SearchSpace:
    layers = {"weight_bits": [2, 4, 8], "activation_bits": [8], "jr_weight": [0.0, 0.01, 0.1, 1.0], "rules": rules}
    return SearchSpace(make_spec(layers=layers, topology={"name": "digits_cnn"}), make_slots())


def hand_sensitivity() -> Sensitivity:
    bits = {
        "conv1.weight_bits": effects(b8=0.0, b4=0.1, b2=0.2),
        "conv2.weight_bits": effects(b8=0.0, b4=0.3, b2=0.9),
        "shortcut.weight_bits": effects(b8=0.0, b4=5.0, b2=9.0),
        "logits.weight_bits": effects(b8=0.0, b4=6.0, b2=9.0),
    }
    terms = {"conv1.jr_weight": 20.0, "conv2.jr_weight": 1.0, "logits.jr_weight": 0.05}
    return Sensitivity(bits=bits, jacobian_terms=terms)


def total_bits(candidate: Candidate) -> float:
    return sum(policy.weight_bits for policy in candidate.policies.values())


def hand_priors(*rules: Mapping[str, Any], sensitivity: Sensitivity | None = None, **options: Any) -> list[Candidate]:
    space = hand_space(*rules)
    found = prior_params(
        space, sensitivity or hand_sensitivity(), base=space.baselines()[0], cost=total_bits, **options
    )
    return [space.decode(params) for params in found]


def widths(candidate: Candidate) -> tuple[int, ...]:
    return tuple(policy.weight_bits for policy in candidate.policies.values())


def weights(candidate: Candidate) -> tuple[float, ...]:
    return tuple(policy.jr_weight for policy in candidate.policies.values())


def without_terms(candidates: list[Candidate]) -> list[Candidate]:
    return [candidate for candidate in candidates if not candidate.has_jacobian_term]


def test_bits_go_where_they_cost_least() -> None:
    # Budgets 11, 14 and 20 between 8 and 32. Errors per bit saved: conv1 0.1 / 4 (0.2 / 6 in one step), conv1 again
    # 0.1 / 2, conv2 0.3 / 4, conv2 again 0.6 / 2, shortcut 5 / 4, logits 6 / 4 (9 / 6 in one step) and again 3 / 2.
    found = [widths(candidate) for candidate in without_terms(hand_priors())]
    assert found == [(2, 2, 4, 2), (2, 2, 4, 4), (2, 2, 8, 8)]


def test_jacobian_weights_are_inverse_to_the_terms_at_three_strengths() -> None:
    found = hand_priors()
    # Terms 20, 1 and 0.05 have the geometric mean 1: weights of 1/20 of the strength, the strength, and 20 times it.
    middle, largest, none = (0.01, 0.1, 0.0, 1.0), (0.1, 1.0, 0.0, 1.0), (0.0, 0.0, 0.0, 0.0)
    least = (0.0, 0.01, 0.0, 0.1)  # 0.0005 is nearer to a tenth of itself, as which zero counts, than to 0.01
    assert [weights(candidate) for candidate in found] == [middle, middle, largest, none, middle, none, none, least]
    small, medium, large = (2, 2, 4, 2), (2, 2, 4, 4), (2, 2, 8, 8)
    assert [widths(candidate) for candidate in found] == [small, medium, medium, small, large, medium, large, medium]


def test_nothing_costs_more_than_allowed() -> None:
    # Budgets 9.5, 11 and 14 between 8 and 20.
    assert [total_bits(candidate) for candidate in without_terms(hand_priors(most=20))] == [8, 10, 12]
    assert {widths(candidate) for candidate in hand_priors(most=8)} == {(2, 2, 2, 2)}
    assert hand_priors(most=7) == []


def test_tied_layers_are_narrowed_together() -> None:
    sensitivity = Sensitivity(
        bits={
            "conv*.weight_bits": effects(b8=0.0, b4=0.1),
            "shortcut.weight_bits": effects(b8=0.0, b4=0.9, b2=2.0),
            "logits.weight_bits": effects(b8=0.0, b4=1.0, b2=2.1),
        },
        jacobian_terms={"*.jr_weight": 3.0},
    )
    rules = [
        {"match": "conv*", "weight_bits": [4, 8], "tie": True},
        {"match": "*", "jr_weight": [0.0, 0.1], "tie": True},
    ]
    found = hand_priors(*rules, sensitivity=sensitivity)
    # Budgets 14.5, 17 and 22 between 12 and 32.
    plain = without_terms(found)
    assert [widths(candidate) for candidate in plain] == [(4, 4, 4, 2), (4, 4, 4, 4), (4, 4, 4, 8)]
    assert len(found) == 6  # one positive weight is one strength
    assert {weights(candidate) for candidate in found if candidate not in plain} == {(0.1, 0.1, 0.0, 0.1)}


def test_space_without_jacobian_weights_has_priors_of_bits_alone() -> None:
    sensitivity = Sensitivity(bits=hand_sensitivity().bits, jacobian_terms={})
    found = hand_priors({"match": "*", "jr_weight": [0.0]}, sensitivity=sensitivity)
    assert len(found) == 3


def test_space_without_a_choice_of_bits_has_one_allocation() -> None:
    sensitivity = Sensitivity(bits={}, jacobian_terms=hand_sensitivity().jacobian_terms)
    found = hand_priors({"match": "*", "weight_bits": [8]}, sensitivity=sensitivity)
    assert {widths(candidate) for candidate in found} == {(8, 8, 8, 8)}
    assert len(found) == 4
