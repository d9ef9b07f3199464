"""Which settings of a study a training takes."""

from dataclasses import replace

from search.training.fit import FitPlan
from search.training.plans import candidate_plan, parent_plan
from spaces.candidate import Candidate
from spaces.layer_policy import LayerPolicy
from spaces.study_spec import StudySpec
from tests.search.trained_digits import digits_dataset, digits_spec

CANDIDATE = Candidate(
    policies={"conv0": LayerPolicy(weight_bits=4, activation_bits=4, jr_weight=0.1)},
    topology={"width": 0.5},
    training={"learning_rate": 3e-3, "adversarial_weight": 0.0},
)
PLAN = FitPlan(
    quantized=True,
    epochs=2,
    batches_per_epoch=len(digits_dataset().train) // 64,
    learning_rate=3e-3,
    seed=9,
    n_classes=10,
    jacobian_weights={"conv0": 0.1},
)


def with_training(**changes: object) -> StudySpec:
    content = digits_spec().model_dump(mode="json")
    content["training"] |= changes
    return StudySpec.model_validate(content)


def test_candidate_is_trained_with_its_own_settings_and_the_studys_length():
    assert candidate_plan(digits_spec(), digits_dataset(), CANDIDATE, seed=9) == PLAN


def test_rare_jacobian_steps_and_adversarial_examples_are_passed_on():
    spec = with_training(jr_every=3, adversarial_weight=[0.0, 0.5], adversarial_epsilon=0.1, batch_size=100)
    hardened = replace(CANDIDATE, training={"learning_rate": 3e-3, "adversarial_weight": 0.5})
    assert candidate_plan(spec, digits_dataset(), hardened, seed=9) == replace(
        PLAN,
        batches_per_epoch=len(digits_dataset().train) // 100,
        jacobian_every=3,
        adversarial_weight=0.5,
        adversarial_epsilon=0.1,
    )


def test_parent_is_trained_as_a_float_network_with_the_studys_seed_and_no_terms():
    assert parent_plan(digits_spec(), digits_dataset()) == FitPlan(
        quantized=False,
        epochs=12,
        batches_per_epoch=len(digits_dataset().train) // 64,
        learning_rate=5e-3,
        seed=1,
        n_classes=10,
    )


def test_adversarial_examples_of_the_parent_are_passed_on():
    content = digits_spec().model_dump(mode="json")
    content["parent"] |= {"adversarial_weight": 1.0, "adversarial_epsilon": 0.05, "adversarial_ramp_epochs": 3}
    plan = parent_plan(StudySpec.model_validate(content), digits_dataset())
    assert (plan.adversarial_weight, plan.adversarial_epsilon, plan.adversarial_ramp_epochs) == (1.0, 0.05, 3)


def test_radius_that_is_searched_is_the_candidates_own():
    spec = with_training(adversarial_weight=1.0, adversarial_epsilon=[0.1, 0.2])
    chosen = replace(CANDIDATE, training={**CANDIDATE.training, "adversarial_weight": 1.0, "adversarial_epsilon": 0.2})
    assert candidate_plan(spec, digits_dataset(), chosen, seed=9).adversarial_epsilon == 0.2
