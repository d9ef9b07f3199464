"""Every refusal names the file, the key and the value."""

import re

import pytest

from spaces.errors import SpecError
from spaces.spec_files import load_spec, parse_spec, preset_names
from tests.spaces.builders import spec_content

SMALL = """
[data]
name = "digits"
validation_examples = 100
attack_examples = 50
[topology]
name = "digits_cnn"
[robustness]
epsilons = ["1/16", 0.1]
[[objectives]]
name = "clean_accuracy"
reference = 0.1
[[objectives]]
name = "size_bytes"
reference = 1000
"""


def refusal(**sections):
    with pytest.raises(SpecError) as caught:
        parse_spec(spec_content(**sections), source="my.toml")
    message = str(caught.value)
    assert message.startswith("my.toml: ")
    assert message.endswith(".")
    assert "\n" not in message
    return message.removeprefix("my.toml: ")


@pytest.fixture
def small_file(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(SMALL, encoding="utf-8")
    return path


def test_presets_are_listed():
    assert {"digits", "cifar"} <= set(preset_names())


@pytest.mark.parametrize("name", preset_names())
def test_preset_loads_and_bears_its_file_name(name):
    assert load_spec(name).name == name


def test_cifar_grid_is_the_one_of_the_definition():
    assert load_spec("cifar").robustness.epsilons == tuple(k / 255 for k in (0.5, 1, 2, 4, 8))


def test_file_without_a_name_is_named_after_the_file(small_file):
    assert load_spec(str(small_file)).name == "small"


def test_file_has_the_defaults_of_the_sections_it_leaves_out(small_file):
    spec = load_spec(str(small_file))
    assert spec.layers.weight_bits == (2, 3, 4, 6, 8)
    assert spec.robustness.epsilons == (1 / 16, 0.1)


def test_override_replaces_what_the_file_says(small_file):
    spec = load_spec(str(small_file), overrides={"budget.trials": 8, "data.attack_examples": 20, "name": "other"})
    assert (spec.budget.trials, spec.data.attack_examples, spec.name) == (8, 20, "other")


def test_wrong_override_is_refused_like_a_wrong_file(small_file):
    with pytest.raises(SpecError, match=r"small\.toml: budget\.trial: unknown key \(value 8\)"):
        load_spec(str(small_file), overrides={"budget.trial": 8})


def test_override_through_what_is_no_section_is_refused(small_file):
    with pytest.raises(SpecError, match=r"data\.name\.x: name is no section; got 'digits'"):
        load_spec(str(small_file), overrides={"data.name.x": 1})


def test_unknown_preset_lists_the_presets():
    with pytest.raises(
        SpecError, match=r"unknown study 'cifr'; presets: cifar, cifar-robust, digits, kws, kws-waveform, svhn"
    ):
        load_spec("cifr")


def test_missing_file_is_named():
    with pytest.raises(SpecError, match=r"study file nowhere/my\.toml does not exist"):
        load_spec("nowhere/my.toml")


@pytest.mark.parametrize("content", [b"name = ", b"a = 1\na = 2", b"\xff\xfe"])
def test_file_that_is_no_toml_is_refused(tmp_path, content):
    path = tmp_path / "broken.toml"
    path.write_bytes(content)
    with pytest.raises(SpecError, match=r"broken\.toml: not valid TOML"):
        load_spec(str(path))


@pytest.mark.parametrize(
    ("sections", "key"),
    [
        ({"bugdet": {"trials": 3}}, "bugdet"),
        ({"budget": {"trails": 3}}, "budget.trails"),
        ({"data": {"name": "digits", "agument": 3}}, "data.agument"),
        ({"layers": {"rules": [{"match": "*", "weight_bits": 8, "bits": 3}]}}, "layers.rules[0].bits"),
        ({"objectives": [{"name": "macs", "reference": 1, "weight": 3}] * 2}, "objectives[0].weight"),
    ],
)
def test_unknown_key_is_refused(sections, key):
    assert re.search(rf"{re.escape(key)}: unknown key \(value .*3.*\)", refusal(**sections))


@pytest.mark.parametrize("key", ["weight_bits", "activation_bits", "jr_weight"])
def test_empty_choice_of_a_layer_is_refused(key):
    assert f"layers.{key}: at least one choice must be given; got none" in refusal(layers={key: []})


@pytest.mark.parametrize(
    ("section", "content", "key"),
    [
        ("topology", {"name": "digits_cnn", "width": []}, "topology.width"),
        ("training", {"learning_rate": []}, "training.learning_rate"),
        ("robustness", {"epsilons": []}, "robustness.epsilons"),
    ],
)
def test_empty_choice_elsewhere_is_refused(section, content, key):
    assert f"{key}: at least one choice must be given; got none" in refusal(**{section: content})


@pytest.mark.parametrize("bits", [-1, 0, 5, 7, 9, 16])
def test_weight_bits_that_no_quantizer_has_are_refused(bits):
    message = refusal(layers={"weight_bits": [4, bits]})
    assert message == f"layers.weight_bits: bits must be among [1, 2, 3, 4, 6, 8]; got {bits}."


@pytest.mark.parametrize("bits", [-1, 0, 1, 5, 7, 9, 16])
def test_activation_bits_that_no_quantizer_has_are_refused(bits):
    message = refusal(layers={"activation_bits": [bits]})
    assert message == f"layers.activation_bits: bits must be among [2, 3, 4, 6, 8]; got {bits}."


def test_bits_in_a_rule_are_checked_too():
    message = refusal(layers={"rules": [{"match": "conv1", "weight_bits": [8]}, {"match": "conv*", "weight_bits": 7}]})
    assert message == "layers.rules[1].weight_bits: bits must be among [1, 2, 3, 4, 6, 8]; got 7."


@pytest.mark.parametrize(("key", "value"), [("weight_bits", [4, 4]), ("jr_weight", [0.1, 0.1])])
def test_repeated_choices_are_refused(key, value):
    assert refusal(layers={key: value}) == f"layers.{key}: choices must be distinct; got {value}."


@pytest.mark.parametrize("value", [-0.1, float("inf"), float("nan"), "much", "0.1", True])
def test_jr_weight_is_a_finite_number_and_not_negative(value):
    assert re.match(r"layers\.jr_weight\[1\] = .*: input should be", refusal(layers={"jr_weight": [0.0, value]}))


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (0, "input should be greater than 0"),
        (-0.1, "input should be greater than 0"),
        (float("nan"), "input should be a finite number|input should be greater than 0"),
        ("inf", "input should be a finite number"),
        ("8/", "a fraction such as '4/255'; got '8/'"),
        ("1/0", "a fraction such as '4/255'; got '1/0'"),
        ("1/2/3", "a fraction such as '4/255'; got '1/2/3'"),
        ("eight", "a fraction such as '4/255'; got 'eight'"),
        ("1e999", "input should be a finite number"),
        (True, "input should be a valid number"),
    ],
)
def test_epsilon_that_is_no_radius_is_refused(value, problem):
    message = refusal(robustness={"epsilons": [value]})
    assert re.match(rf"robustness\.epsilons\[0\]( = .*)?: .*({problem})", message)


def test_epsilons_ascend():
    assert refusal(robustness={"epsilons": [0.2, 0.1]}) == "robustness: epsilons must ascend; got [0.2, 0.1]."


@pytest.mark.parametrize(("section", "key"), [("data", "loader"), ("topology", "builder")])
@pytest.mark.parametrize("both", [True, False])
def test_exactly_one_of_name_and_import_path(section, key, both):
    message = refusal(**{section: {"name": "x", key: "a:b"} if both else {}})
    assert re.match(rf"{section}: give either name .* or {key} \('module:function'\)", message)


def test_attack_subset_is_part_of_the_validation_split():
    message = refusal(data={"name": "digits", "validation_examples": 10, "attack_examples": 11})
    assert message == "data: attack_examples must not exceed validation_examples = 10; got 11."


@pytest.mark.parametrize(
    ("sections", "start"),
    [
        ({"seed": -1}, "seed = -1: "),
        ({"seed": 2**31}, "seed = 2147483648: "),
        ({"seed": 1.5}, "seed = 1.5: "),
        ({"budget": {"trials": 1}}, "budget.trials = 1: "),
        ({"training": {"epochs": 0}}, "training.epochs = 0: "),
        ({"training": {"batch_size": "many"}}, "training.batch_size = 'many': "),
        ({"training": {"start": "middle"}}, "training.start = 'middle': "),
        ({"training": {"jr_fraction": 0.0}}, "training.jr_fraction = 0.0: "),
        ({"training": {"jr_fraction": 1.1}}, "training.jr_fraction = 1.1: "),
        ({"training": {"learning_rate": [0.0]}}, "training.learning_rate[0] = 0.0: "),
        ({"topology": {"name": "x", "width": [-1]}}, "topology.width[0] = -1: "),
        ({"data": {"name": "digits", "shift_pixels": -1}}, "data.shift_pixels = -1: "),
        ({"parent": {"epochs": 0}}, "parent.epochs = 0: "),
        ({"name": "a b"}, "name = 'a b': "),
        ({"name": "../x"}, "name = '../x': "),
        ({"layers": {"two_bit_quantizer": "binary"}}, "layers.two_bit_quantizer = 'binary': "),
        ({"objectives": [{"name": "macs", "reference": float("nan")}] * 2}, "objectives[0].reference = nan: "),
        ({"objectives": [{"name": "macs", "reference": 1}]}, "objectives = "),
    ],
)
def test_value_out_of_range_is_refused(sections, start):
    assert refusal(**sections).startswith(start)


@pytest.mark.parametrize(
    ("sections", "start"),
    [
        ({"seed": True}, "seed = True"),
        ({"budget": {"trials": "8"}}, "budget.trials = '8'"),
        ({"data": {"name": "digits", "attack_examples": 50.0}}, "data.attack_examples = 50.0"),
        ({"data": {"name": "digits", "shift_pixels": True}}, "data.shift_pixels = True"),
        ({"training": {"epochs": True}}, "training.epochs = True"),
        ({"parent": {"batch_size": "64"}}, "parent.batch_size = '64'"),
        ({"robustness": {"epsilons": [0.1], "pgd_steps": True}}, "robustness.pgd_steps = True"),
        ({"layers": {"weight_bits": "8"}}, "layers.weight_bits[0] = '8'"),
        ({"layers": {"weight_bits": [True]}}, "layers.weight_bits[0] = True"),
        ({"layers": {"activation_bits": [8, 4.0]}}, "layers.activation_bits[1] = 4.0"),
        ({"layers": {"rules": [{"match": "*", "weight_bits": True}]}}, "layers.rules[0].weight_bits[0] = True"),
    ],
)
def test_what_only_looks_like_an_integer_is_refused(sections, start):
    assert refusal(**sections) == f"{start}: input should be a valid integer."


@pytest.mark.parametrize(
    ("sections", "start"),
    [
        ({"topology": {"name": "digits_cnn", "width": True}}, "topology.width[0] = True"),
        ({"training": {"learning_rate": ["1e-3"]}}, "training.learning_rate[0] = '1e-3'"),
        ({"training": {"weight_decay": True}}, "training.weight_decay = True"),
        ({"training": {"jr_fraction": True}}, "training.jr_fraction = True"),
        ({"parent": {"learning_rate": True}}, "parent.learning_rate = True"),
        ({"objectives": [{"name": "macs", "reference": "9"}] * 2}, "objectives[0].reference = '9'"),
    ],
)
def test_what_only_looks_like_a_number_is_refused(sections, start):
    assert refusal(**sections).startswith(f"{start}: input should be a valid number")


@pytest.mark.parametrize("key", ["jr_weight", "rules[0].jr_weight"])
def test_jr_weight_without_zero_is_refused(key):
    layers = {"jr_weight": [0.1, 1]} if key == "jr_weight" else {"rules": [{"match": "conv*", "jr_weight": [0.1, 1]}]}
    message = f"layers.{key}: choices must contain 0.0, which trial 0, the baseline without Jacobian terms, takes; "
    assert refusal(layers=layers) == message + "got [0.1, 1.0]."


def test_parent_file_that_scratch_would_ignore_is_refused():
    message = refusal(parent={"file": "mine.h5"}, training={"start": "scratch"})
    assert "parent.file = 'mine.h5' would be ignored, because training.start = 'scratch'" in message
    assert message.endswith("leave parent.file out or set training.start = 'parent'.")


@pytest.mark.parametrize("tune", [False, True])
def test_parent_file_beside_several_widths_is_refused(tune):
    parent, topology = {"file": "mine.h5", "tune": tune}, {"name": "resnet8", "width": [0.5, 1]}
    message = refusal(parent=parent, topology=topology)
    assert "parent.file = 'mine.h5' holds the weights of one topology, but topology.width = [0.5, 1.0]" in message
    assert "set topology.width to the one that the file has" in message


def test_preset_of_several_widths_says_what_its_parent_file_needs():
    with pytest.raises(
        SpecError, match=r"digits.*parent\.file = 'mine\.h5'.*topology\.width = \[0\.5, 1\.0\] offers 2"
    ):
        load_spec("digits", overrides={"parent.file": "mine.h5"})


def test_unknown_metric_of_an_objective_lists_the_known_ones():
    objectives = [{"name": "latency", "reference": 1}, {"name": "macs", "reference": 1}]
    assert refusal(objectives=objectives).startswith("objectives[0]: unknown metric 'latency'; known: clean_accuracy")


def test_same_objective_twice_is_refused():
    objectives = [{"name": "macs", "reference": 1}, {"name": "macs", "reference": 2}]
    assert "objectives must be distinct; got ['macs', 'macs']" in refusal(objectives=objectives)


def test_malformed_constraint_is_refused():
    assert refusal(constraints=["size_bytes = 3"]).startswith("constraints[0]: a constraint reads 'metric <= number'")


def test_missing_section_is_named():
    content = spec_content()
    del content["robustness"]
    with pytest.raises(SpecError, match=r"^my\.toml: robustness: required, but not given\.$"):
        parse_spec(content, source="my.toml")


def test_rule_without_a_choice_is_refused():
    assert refusal(layers={"rules": [{"match": "conv1", "tie": True}]}).startswith("layers.rules[0]: a rule must name")


def test_adversarial_training_needs_a_radius():
    assert "needs adversarial_epsilon" in refusal(training={"adversarial_weight": 0.5})


def test_adversarial_weight_is_a_share():
    assert "must lie in [0, 1]; got 1.5" in refusal(
        training={"adversarial_weight": 1.5, "adversarial_epsilon": "4/255"}
    )


def test_all_mistakes_are_told_at_once():
    message = refusal(seed=-1, budget={"trials": 0}, layers={"weight_bits": [5]})
    assert all(part in message for part in ("seed = -1", "budget.trials = 0", "layers.weight_bits: bits"))
