import pytest

from spaces.errors import SpecError
from spaces.layer_policy import LayerPolicy, WeightQuantizer
from spaces.search_space import Parameter, SearchSpace
from tests.spaces.builders import make_slots, make_spec

LAYERS = {"weight_bits": [2, 4, 8], "activation_bits": [3, 8], "jr_weight": [0.0, 0.01, 0.1]}


def space(*rules, **layers):
    return SearchSpace(make_spec(layers={**LAYERS, **layers, "rules": list(rules)}), make_slots())


def choices(search_space):
    return {parameter.name: parameter.choices for parameter in search_space.parameters}


def test_every_layer_has_the_parameters_that_it_can_use():
    assert [parameter.name for parameter in space().parameters] == [
        "conv1.weight_bits",
        "conv1.activation_bits",
        "conv1.jr_weight",
        "conv2.weight_bits",
        "conv2.activation_bits",
        "conv2.jr_weight",
        "shortcut.weight_bits",
        "logits.weight_bits",
        "logits.jr_weight",
        "topology.width",
        "training.learning_rate",
        "training.adversarial_weight",
    ]


def test_choices_keep_the_order_of_the_specification():
    assert choices(space(weight_bits=[8, 2, 4]))["conv1.weight_bits"] == (8, 2, 4)


def test_rule_narrows_the_layers_that_match():
    found = choices(space({"match": "conv*", "weight_bits": [8]}))
    assert found["conv1.weight_bits"] == found["conv2.weight_bits"] == (8,)
    assert found["logits.weight_bits"] == (2, 4, 8)
    assert found["conv1.activation_bits"] == (3, 8)


def test_last_matching_rule_wins():
    found = choices(space({"match": "conv*", "weight_bits": [8]}, {"match": "conv2", "weight_bits": [4]}))
    assert (found["conv1.weight_bits"], found["conv2.weight_bits"]) == ((8,), (4,))


def test_later_rule_on_another_field_changes_nothing():
    found = choices(space({"match": "conv*", "weight_bits": [8]}, {"match": "conv2", "activation_bits": [3]}))
    assert (found["conv2.weight_bits"], found["conv2.activation_bits"]) == ((8,), (3,))


def test_tied_layers_share_one_parameter():
    search_space = space({"match": "conv*", "weight_bits": [2, 4], "tie": True})
    assert Parameter(name="conv*.weight_bits", choices=(2, 4)) in search_space.parameters
    assert not {"conv1.weight_bits", "conv2.weight_bits"} & set(choices(search_space))
    assert "conv1.activation_bits" in choices(search_space)


def test_tied_layers_get_the_same_value():
    search_space = space({"match": "conv*", "weight_bits": [2, 4], "tie": True})
    params = {**search_space.baselines()[0], "conv*.weight_bits": 2}
    policies = search_space.decode(params).policies
    assert (policies["conv1"].weight_bits, policies["conv2"].weight_bits) == (2, 2)


def test_later_rule_unties_a_layer():
    search_space = space(
        {"match": "*", "weight_bits": [2, 4], "tie": True}, {"match": "logits", "weight_bits": [8], "tie": False}
    )
    assert choices(search_space)["logits.weight_bits"] == (8,)
    assert choices(search_space)["*.weight_bits"] == (2, 4)


def test_pattern_tells_upper_from_lower_case():
    with pytest.raises(SpecError, match="names no layer"):
        space({"match": "Conv1", "weight_bits": [8]})


def test_rule_for_a_missing_layer_lists_the_layers():
    with pytest.raises(
        SpecError,
        match=r"layers\.rules\[1\]\.match = 'conv9' names no layer of the topology; "
        r"its layers are conv1, conv2, shortcut, logits\.",
    ):
        space({"match": "conv1", "weight_bits": [8]}, {"match": "conv9", "weight_bits": [8]})


def test_activation_bits_of_a_layer_without_activation_are_refused():
    with pytest.raises(SpecError, match=r"rules\[0\]\.match = 'logits' sets activation_bits, but no"):
        space({"match": "logits", "activation_bits": [8]})


def test_jr_weight_of_a_layer_without_a_term_lists_the_owners():
    with pytest.raises(SpecError, match=r"'shortcut' sets jr_weight.*of their own: conv1, conv2, logits\."):
        space({"match": "shortcut", "jr_weight": [0.0, 0.1]})


def test_rule_may_match_layers_that_lack_the_field_beside_one_that_has_it():
    found = choices(space({"match": "*", "activation_bits": [8]}))
    assert "logits.activation_bits" not in found
    assert found["conv1.activation_bits"] == (8,)


def test_params_become_the_candidate():
    search_space = space()
    params = {
        **search_space.baselines()[0],
        "conv1.weight_bits": 2,
        "conv1.activation_bits": 3,
        "conv1.jr_weight": 0.1,
        "topology.width": 0.5,
    }
    candidate = search_space.decode(params)
    assert candidate.policies["conv1"] == LayerPolicy(weight_bits=2, activation_bits=3, jr_weight=0.1)
    assert candidate.policies["shortcut"] == LayerPolicy(weight_bits=8, activation_bits=None)
    assert dict(candidate.topology) == {"width": 0.5}
    assert dict(candidate.training) == {"learning_rate": 0.001, "adversarial_weight": 0.0}
    assert list(candidate.policies) == ["conv1", "conv2", "shortcut", "logits"]


def test_ternary_reaches_the_two_bit_layers():
    search_space = space(two_bit_quantizer="ternary")
    policies = search_space.decode({**search_space.baselines()[0], "conv1.weight_bits": 2}).policies
    assert policies["conv1"].weight_quantizer is WeightQuantizer.TERNARY
    assert policies["conv2"].weight_quantizer is WeightQuantizer.QUANTIZED_BITS


def test_params_of_the_wrong_value_are_refused():
    search_space = space()
    with pytest.raises(SpecError, match=r"'conv1\.weight_bits' must be one of \[2, 4, 8\]; got 3\."):
        search_space.decode({**search_space.baselines()[0], "conv1.weight_bits": 3})


def test_missing_param_is_refused():
    search_space = space()
    params = search_space.baselines()[0]
    del params["conv2.jr_weight"]
    with pytest.raises(SpecError, match=r"'conv2\.jr_weight' must be one of .*; got None"):
        search_space.decode(params)


def test_first_baseline_is_widest_without_jacobian_terms():
    candidate = space().decode(space().baselines()[0])
    assert {policy.weight_bits for policy in candidate.policies.values()} == {8}
    assert {policy.activation_bits for policy in candidate.policies.values()} == {8, None}
    assert not candidate.has_jacobian_term
    assert candidate.topology["width"] == 1.0


def test_first_baseline_has_no_jacobian_terms_where_a_rule_chooses_either():
    search_space = space({"match": "conv*", "jr_weight": [0.1, 0], "tie": True}, {"match": "logits", "jr_weight": 0})
    plain, regularized = search_space.baselines()
    assert not search_space.decode(plain).has_jacobian_term
    assert {name for name in plain if plain[name] != regularized[name]} == {"conv*.jr_weight"}


def test_second_baseline_adds_the_median_positive_jacobian_weight():
    plain, regularized = space(jr_weight=[0.1, 0.001, 0.0, 0.01]).baselines()
    changed = {name for name in plain if plain[name] != regularized[name]}
    assert changed == {"conv1.jr_weight", "conv2.jr_weight", "logits.jr_weight"}
    assert {regularized[name] for name in changed} == {0.01}


def test_baselines_without_a_positive_jacobian_weight_are_equal():
    plain, regularized = space(jr_weight=[0.0]).baselines()
    assert plain == regularized


def test_baselines_take_the_first_of_other_settings():
    spec = make_spec(training={"learning_rate": [0.003, 0.01, 0.001]})
    assert SearchSpace(spec, make_slots()).baselines()[0]["training.learning_rate"] == 0.003


def targeted(target, *rules, **layers):
    return SearchSpace(make_spec(target=target, layers={**LAYERS, **layers, "rules": list(rules)}), make_slots())


def limits(conv2d, dense, **others):
    layers = {
        "conv2d": {"weight_bits": conv2d, "activation_bits": [8]},
        "dense": {"weight_bits": dense, "activation_bits": [8]},
    }
    return {"name": "small", "description": "A device.", "layers": layers, **others}


def test_a_target_narrows_every_layer_to_what_its_kind_allows():
    found = choices(targeted(limits([4, 8], [8])))
    assert found["conv1.weight_bits"] == found["shortcut.weight_bits"] == (4, 8)
    assert found["conv1.activation_bits"] == (8,)
    assert found["logits.weight_bits"] == (8,)
    assert found["conv1.jr_weight"] == (0.0, 0.01, 0.1)


def test_a_tied_parameter_has_what_all_its_layers_allow():
    tied = {"match": "*", "weight_bits": [2, 4, 8], "tie": True}
    assert choices(targeted(limits([2, 4], [4, 8]), tied))["*.weight_bits"] == (4,)


def test_a_target_that_leaves_a_layer_no_choice_is_refused_with_layer_and_limits():
    with pytest.raises(
        SpecError, match=r"'logits' has no weight_bits left: .* \[2, 4, 8\], of a dense .*'small'.*\[1\]"
    ):
        targeted(limits([2, 4], [1]))


def test_a_target_without_a_kind_of_layer_is_refused_with_the_layer():
    target = limits([2, 4], [8])
    del target["layers"]["dense"]
    with pytest.raises(SpecError, match="target 'small' takes no dense layers, as 'logits' is one; it takes conv2d"):
        targeted(target)
