"""Models without a defence must fall; models that only hide their gradients must be seen through, and be told apart."""

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from search.attacks.base import Inputs, Labels
from search.attacks.checks import SEARCH_LIMITS, Examined, preconditions, suite_checks
from search.attacks.suite import SuiteResult, run_suite, search_suite
from search.data.cifar10 import load_cifar10
from search.runtime import tf
from spaces.check_result import CheckResult
from tests.search.attacks.canaries import (
    LOGIT_FACTOR,
    Canary,
    digits_cnn,
    published_resnet8,
    rounded,
    rounded_straight_through,
)
from tests.search.trained_digits import digits_dataset

EPSILONS = (0.04, 0.08, 0.12, 0.3)
STEPS = 10
MASKS = {
    "logits x 1000": {"head": lambda logits: LOGIT_FACTOR * logits},
    "softmax head": {"head": tf.nn.softmax},
    "rounded input": {"transform": rounded},
    "zero surrogate gradient": {"zero_gradient": True},
}
UNMASKED = {name: {"transform": rounded_straight_through} if name == "rounded input" else {} for name in MASKS}
FIRING = {
    "logits x 1000": {"logit_temperature"},
    "softmax head": {"logits_not_probabilities"},
    "rounded input": {"gradients_alive", "transfer_only_successes"},
    "zero surrogate gradient": {"gradients_alive", "transfer_only_successes"},
}


def examples() -> tuple[Inputs, Labels]:
    part = digits_dataset().test
    return part.inputs()[:200], part.y[:200]


def attacked(model: Canary, x: Inputs, y: Labels, epsilons: Sequence[float]) -> SuiteResult:
    return run_suite(model, x, y, epsilons=epsilons, stages=search_suite(STEPS), seed=1)


@cache
def unmasked(name: str) -> tuple[Canary, SuiteResult]:
    """Return the model of the same function without the mask, and what the suite finds on it."""
    if not UNMASKED[name]:
        return plain()
    model = Canary(digits_cnn(), **UNMASKED[name])
    return model, attacked(model, *examples(), EPSILONS)


@cache
def plain() -> tuple[Canary, SuiteResult]:
    model = Canary(digits_cnn())
    return model, attacked(model, *examples(), EPSILONS)


def fired(model: Canary, suite: SuiteResult) -> set[str]:
    x, y = examples()
    examined = Examined(model=model, x=x, y=y, suite=suite, pgd_steps=STEPS, seed=1, saturation={})
    checks: tuple[CheckResult, ...] = preconditions(model, x) + suite_checks(examined, SEARCH_LIMITS)
    return {check.name for check in checks if not check.passed}


def test_a_float_cnn_falls_from_clean_accuracy_to_nothing() -> None:
    _, suite = plain()
    assert suite.is_right.mean() >= 0.95
    assert 0.3 < suite.worst_case[1] < 0.9, "the radii lie where attacks differ"
    assert suite.worst_case[-1] <= 0.01


def test_no_check_fires_on_a_float_cnn() -> None:
    # One step reaches one of the 200 examples that ten steps on the margin do not, and ten on cross-entropy do.
    assert fired(*plain()) == set()


@pytest.mark.parametrize("name", MASKS)
def test_a_mask_costs_the_suite_at_most_one_point_and_its_checks_fire(name: str) -> None:
    x, y = examples()
    bare, expected = unmasked(name)
    model = Canary(digits_cnn(), **MASKS[name])
    np.testing.assert_array_equal(model.logits(x).argmax(axis=1), bare.logits(x).argmax(axis=1))
    suite = attacked(model, x, y, EPSILONS)
    assert (np.subtract(suite.worst_case, expected.worst_case) <= 0.01 + 1e-9).all(), (
        suite.worst_case,
        expected.worst_case,
    )
    assert suite.robust_accuracy <= expected.robust_accuracy + 0.01
    assert FIRING[name] <= fired(model, suite)


@pytest.mark.realdata
@pytest.mark.skipif(not os.environ.get("SEARCH_DATA_DIR"), reason="SEARCH_DATA_DIR is not set")
def test_the_published_float_resnet8_falls_at_8_of_255() -> None:
    raw = load_cifar10(None)
    x, y = (raw.x_test[:256] / np.float32(255)).astype(np.float32), raw.y_test[:256]
    model = Canary(published_resnet8(Path(os.environ["SEARCH_DATA_DIR"])))
    suite = attacked(model, x, y, [step / 255 for step in (0.5, 1, 2, 4, 8)])
    assert suite.is_right.mean() == pytest.approx(0.87, abs=0.05)
    assert suite.worst_case[0] > 0.1, "it falls with the radius, not at once"
    assert suite.worst_case[-1] <= 0.01
