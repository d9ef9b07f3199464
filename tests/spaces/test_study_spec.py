from functools import partial

import pytest
from pydantic import ValidationError

from spaces.errors import SpecError
from spaces.layer_policy import WeightQuantizer
from spaces.objectives import Constraint, Objective
from spaces.spec_files import load_spec
from spaces.study_spec import StudySpec
from tests.spaces.builders import make_spec, spec_content

ONE_WIDTH = {"name": "digits_cnn", "width": 1.0}


def test_fraction_is_read_as_a_number():
    assert make_spec(robustness={"epsilons": ["0.5/255", " 1 / 255 ", "0.25", 0.5]}).robustness.epsilons == (
        0.5 / 255,
        1 / 255,
        0.25,
        0.5,
    )


def test_single_value_is_a_choice_of_one():
    spec = make_spec(layers={"weight_bits": 4, "jr_weight": 0.0}, robustness={"epsilons": "8/255"})
    assert (spec.layers.weight_bits, spec.layers.jr_weight) == ((4,), (0.0,))
    assert spec.robustness.epsilons == (8 / 255,)


def test_integer_is_a_number():
    spec = make_spec(layers={"jr_weight": [0, 1]}, parent={"learning_rate": 1}, robustness={"epsilons": [1, 2]})
    assert (spec.layers.jr_weight, spec.parent.learning_rate) == ((0.0, 1.0), 1.0)
    assert {type(value) for value in (*spec.layers.jr_weight, *spec.robustness.epsilons)} == {float}


def test_parent_file_is_taken_where_training_starts_from_it():
    spec = make_spec(parent={"file": "mine.h5"}, training={"start": "parent"}, topology=ONE_WIDTH)
    assert spec.parent.file == "mine.h5"


def test_ternary_can_be_chosen():
    assert make_spec(layers={"two_bit_quantizer": "ternary"}).layers.two_bit_quantizer is WeightQuantizer.TERNARY


def test_objectives_and_constraints_become_values():
    spec = make_spec(constraints=["size_bytes<=1234567"])
    assert spec.objective_values()[1] == Objective(name="size_bytes", reference=1000.0)
    assert spec.constraint_values() == (Constraint(name="size_bytes", bound=1234567.0, is_upper=True),)


def test_specification_is_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        make_spec().seed = 3


@pytest.mark.parametrize("name", ["digits", "cifar"])
def test_stored_json_reads_back_as_the_same_study(name):
    spec = load_spec(name)
    again = StudySpec.model_validate(spec.model_dump(mode="json"))
    assert again == spec
    assert again.fingerprint == spec.fingerprint


def test_more_trials_or_another_name_are_the_same_study():
    assert make_spec(name="other", budget={"trials": 100}).fingerprint == make_spec().fingerprint


@pytest.mark.parametrize(
    "sections",
    [
        {"seed": 1},
        {"robustness": {"epsilons": [0.1]}},
        {"constraints": ["size_bytes <= 500"]},
        {"layers": {"weight_bits": [8]}},
        {"training": {"epochs": 4}},
        {"data": {"name": "digits", "validation_examples": 101, "attack_examples": 50}},
    ],
)
def test_anything_else_is_another_study(sections):
    assert make_spec(**sections).fingerprint != make_spec().fingerprint


def test_spacing_in_a_constraint_is_no_difference():
    first, second = make_spec(constraints=["macs<=10"]), make_spec(constraints=[" macs  <= 10.0 "])
    assert first.fingerprint == second.fingerprint


def test_default_and_the_same_value_written_out_are_no_difference():
    content = spec_content(training={"epochs": 3})
    assert StudySpec.model_validate(content).fingerprint == make_spec().fingerprint


def test_early_stopping_is_off_by_default_and_leaves_no_rungs():
    spec = make_spec(training={"epochs": 12})
    assert spec.early_stopping.mode == "off"
    assert spec.rungs() == ()


def test_rungs_follow_from_the_epochs():
    spec = make_spec(training={"epochs": 12}, early_stopping={"mode": "rungs", "attack_examples": 32})
    assert spec.rungs() == (3, 9)


def test_study_stored_before_there_was_early_stopping_is_the_same_study():
    stored = make_spec().model_dump(mode="json")
    del stored["early_stopping"]
    again = StudySpec.model_validate(stored)
    assert again == make_spec()
    # The fingerprint of these values before the table was added.
    assert again.fingerprint == "e9976d3d92c72dc6a3e73885c24d88a89eeb9da1541ac01336d578396911f877"


def test_settings_of_early_stopping_that_is_off_are_no_difference():
    assert make_spec(early_stopping={"mode": "off", "eta": 2}).fingerprint == make_spec().fingerprint


def test_study_with_early_stopping_is_another_study():
    stopping = {"mode": "rungs", "attack_examples": 32}
    spec = make_spec(early_stopping=stopping)
    assert spec.fingerprint != make_spec().fingerprint
    assert make_spec(early_stopping={**stopping, "eta": 2}).fingerprint != spec.fingerprint
    assert StudySpec.model_validate(spec.model_dump(mode="json")).fingerprint == spec.fingerprint


def test_training_too_short_for_a_rung_is_refused():
    stopping = {"mode": "rungs", "attack_examples": 32}
    with pytest.raises(SpecError, match=r"leaves no rung: training\.epochs = 1 .* train longer, lower the fraction"):
        make_spec(training={"epochs": 1}, early_stopping=stopping)
    with pytest.raises(SpecError, match=r"training\.epochs = 4 and early_stopping\.first_fraction = 0\.9"):
        make_spec(training={"epochs": 4}, early_stopping={**stopping, "first_fraction": 0.9})


def test_more_examples_at_a_rung_than_the_study_attacks_are_refused():
    with pytest.raises(SpecError, match=r"must not exceed data\.attack_examples = 50, of which .*; got 64\."):
        make_spec(early_stopping={"mode": "rungs", "attack_examples": 64})


@pytest.mark.parametrize(("there", "attacked"), [(50, 50), (64, 64), (65, 64)])
def test_rungs_attack_all_examples_where_there_are_fewer_than_their_default(there, attacked):
    data = {"name": "digits", "validation_examples": 100, "attack_examples": there}
    assert make_spec(data=data, early_stopping={"mode": "rungs"}).early_stopping.attack_examples == attacked
    assert make_spec(data=data).early_stopping.attack_examples == attacked


@pytest.mark.parametrize(
    ("key", "value"),
    [("mode", "sometimes"), ("eta", 1), ("eta", 2.5), ("first_fraction", 0), ("first_fraction", 1), ("order", "size")],
)
def test_early_stopping_out_of_range_is_refused(key, value):
    with pytest.raises(SpecError, match=rf"early_stopping\.{key} = "):
        make_spec(early_stopping={"mode": "rungs", "attack_examples": 32, key: value})


def test_warm_start_is_off_by_default_and_then_no_difference():
    stored = make_spec().model_dump(mode="json")
    del stored["warm_start"]
    assert StudySpec.model_validate(stored).fingerprint == make_spec().fingerprint
    assert make_spec().warm_start.is_off
    assert make_spec(warm_start={"trials": 3}).fingerprint == make_spec().fingerprint


@pytest.mark.parametrize("warm_start", [{"priors": 4}, {"inherit": True}, {"study": "other"}])
def test_study_with_a_warm_start_is_another_study(warm_start):
    spec = make_spec(warm_start=warm_start)
    assert spec.fingerprint != make_spec().fingerprint
    assert StudySpec.model_validate(spec.model_dump(mode="json")).fingerprint == spec.fingerprint


@pytest.mark.parametrize(("key", "value"), [("priors", -1), ("priors", True), ("inherit", "yes"), ("trials", 0)])
def test_warm_start_out_of_range_is_refused(key, value):
    with pytest.raises(SpecError, match=rf"warm_start\.{key} = "):
        make_spec(warm_start={key: value})


@pytest.mark.parametrize("warm_start", [{"priors": 4}, {"inherit": True}])
def test_warm_start_from_a_parent_that_is_not_used_is_refused(warm_start):
    with pytest.raises(SpecError, match=r"rest on a float parent, which training\.start = 'scratch' does without"):
        make_spec(training={"start": "scratch"}, warm_start=warm_start)


def test_study_is_not_its_own_warm_start():
    with pytest.raises(SpecError, match=r"warm_start\.study must be another study; 'small' is this one's own name"):
        make_spec(warm_start={"study": "small"})


def test_settings_of_the_parent_that_are_off_leave_no_trace_in_the_identity():
    make = partial(make_spec, topology=ONE_WIDTH)
    plain = make()
    assert set(plain.identity()["parent"]) == {"file", "epochs", "learning_rate", "batch_size"}
    spelled_out = make(parent={"tune": False, "adversarial_weight": 0.0, "adversarial_epsilon": "4/255"})
    assert spelled_out.fingerprint == plain.fingerprint
    robust = make(parent={"adversarial_weight": 1.0, "adversarial_epsilon": "4/255"})
    ramped = make(parent={"adversarial_weight": 1.0, "adversarial_epsilon": "4/255", "adversarial_ramp_epochs": 1})
    tuned = make(parent={"file": "mine.h5", "tune": True})
    assert len({item.fingerprint for item in (plain, robust, ramped, tuned, make(parent={"file": "mine.h5"}))}) == 5


def test_identity_of_a_stored_study_is_the_one_it_always_had():
    # The fingerprint of the digits study before parents could be trained on.
    assert load_spec("digits", overrides={}).fingerprint.startswith("80dd34344c574316")


def test_scale_of_the_logits_is_a_power_of_two_and_leaves_no_trace_where_it_is_1():
    plain = make_spec()
    assert make_spec(training={"logit_scale": 1}).fingerprint == plain.fingerprint
    scaled = make_spec(training={"logit_scale": 4})
    assert (scaled.training.logit_scale, scaled.identity()["training"]["logit_scale"]) == (4.0, 4.0)
    assert scaled.fingerprint != plain.fingerprint


@pytest.mark.parametrize("scale", [0, -2, 3, 0.3, float("inf")])
def test_other_scales_of_the_logits_are_refused(scale):
    with pytest.raises(SpecError, match=r"training\.logit_scale"):
        make_spec(training={"logit_scale": scale})


@pytest.mark.parametrize(
    ("parent", "message"),
    [
        ({"tune": True}, "tune = true needs file"),
        ({"adversarial_weight": 1.0}, "needs adversarial_epsilon"),
        ({"adversarial_weight": 2.0, "adversarial_epsilon": 0.1}, r"must lie in \[0, 1\]; got 2"),
        ({"adversarial_ramp_epochs": 2}, "adversarial_ramp_epochs = 2 would be ignored"),
        (
            {"epochs": 3, "adversarial_weight": 1.0, "adversarial_epsilon": 0.1, "adversarial_ramp_epochs": 4},
            "= 4 ends after the training, which has epochs = 3",
        ),
        ({"file": "mine.h5", "adversarial_weight": 1.0, "adversarial_epsilon": 0.1}, "set tune = true"),
    ],
)
def test_settings_of_the_parent_that_would_be_ignored_are_refused(parent, message):
    with pytest.raises(SpecError, match=message):
        make_spec(parent=parent)


def test_several_radii_of_adversarial_training_are_searched_and_one_is_not():
    one = make_spec(training={"adversarial_weight": 1.0, "adversarial_epsilon": "4/255"}).training
    assert (one.adversarial_epsilons, "adversarial_epsilon" in one.choices()) == ((4 / 255,), False)
    two = make_spec(training={"adversarial_weight": 1.0, "adversarial_epsilon": ["2/255", "4/255"]}).training
    assert two.choices()["adversarial_epsilon"] == two.adversarial_epsilons == (2 / 255, 4 / 255)
    assert make_spec().training.adversarial_epsilons == ()


def test_keys_for_recordings_leave_no_trace_where_they_are_not_given():
    data = {"name": "digits", "validation_examples": 100, "attack_examples": 50}
    unused = make_spec(data={**data, "keywords": [], "shift_frames": 0, "waveform_epsilon": 0})
    assert unused.identity()["data"].keys() == {
        "name", "loader", "validation_examples", "attack_examples", "flip", "shift_pixels"
    }  # fmt: skip
    assert unused.fingerprint == make_spec(data=data).fingerprint
    given = {"keywords": ["up"], "shift_frames": 2, "waveform_epsilon": 64}
    assert make_spec(data=data | given).identity()["data"].items() >= given.items()


@pytest.mark.parametrize("keywords", [["up", "up"], ["silence"], ["unknown"], [""], ["_background_noise_"]])
def test_keywords_that_are_no_words_are_refused(keywords):
    with pytest.raises(SpecError, match="words must be"):
        make_spec(data={"name": "digits", "validation_examples": 100, "attack_examples": 50, "keywords": keywords})


def test_width_that_no_machine_holds_is_refused():
    with pytest.raises(SpecError, match=r"topology\.width\[1\] = 1000000000\.0: .* less than or equal to 64"):
        make_spec(topology={"name": "resnet8", "width": [64.0, 1e9]})
