"""The logit temperature and the figures that checks are made of, on models whose answer is known."""

from collections.abc import Iterable

import numpy as np
import pytest

from search.attacks.base import ThreatModel
from search.attacks.checks import (
    SEARCH_LIMITS,
    Examined,
    at_most,
    half_way_radius,
    largest_loss,
    logit_temperature,
    more_steps,
    suite_checks,
)
from search.attacks.losses import Loss
from search.attacks.pgd import PGD
from search.attacks.suite import run_suite, search_suite
from spaces.norms import Norm
from tests.search.attacks.linear_model import Astray, LinearModel, linear_problem, minimal_radii, two_class_problem


@pytest.mark.parametrize(("factor", "fires"), [(1.0, False), (1000.0, True)])
def test_flat_cross_entropy_lets_the_temperature_check_fire(factor: float, fires: bool) -> None:
    linear, x, y = two_class_problem()
    radius = float(np.median(minimal_radii(linear, x, y, Norm.LINF)))
    model = LinearModel(factor * linear.weights, factor * linear.bias)
    result = logit_temperature(model, x, y, epsilon=radius, steps=10, seed=0)
    assert (result.name, result.bound) == ("logit_temperature", 0.01)
    assert result.passed != fires
    assert (result.value > 0.2) == fires


def test_without_examples_the_temperature_gains_nothing() -> None:
    linear, x, y = linear_problem()
    assert logit_temperature(linear, x[:0], y[:0], epsilon=0.1, steps=2, seed=0).value == 0


def test_every_temperature_starts_at_the_same_points() -> None:
    starts: dict[float, list[np.ndarray]] = {}

    class Recording(LinearModel):
        def loss_gradient(self, x, y, *, loss, backward, targets=None, scale=1.0):
            starts.setdefault(scale, []).append(x.copy())
            return super().loss_gradient(x, y, loss=loss, backward=backward, targets=targets, scale=scale)

    linear, x, y = linear_problem()
    logit_temperature(Recording(linear.weights), x, y, epsilon=1e-4, steps=1, seed=0)
    first, again = starts.pop(1.0)
    assert (first != again).any()
    assert sorted(starts) == pytest.approx([0.01, 0.1, 10, 100])
    for (start,) in starts.values():
        np.testing.assert_array_equal(start, again)


def test_more_steps_counts_what_a_weak_attack_has_left() -> None:
    linear, x, y = two_class_problem()
    radii = minimal_radii(linear, x, y, Norm.LINF)
    threats = [ThreatModel(epsilon=float(np.quantile(radii, share) * 1.02)) for share in (0.25, 0.75)]
    left = np.ones((2, len(x)), bool)
    attack = PGD(steps=50)
    result = more_steps(linear, x, y, left, attack=attack, threats=threats, seed=0, bound=0.5)
    assert result.name == "twice_the_steps"
    assert result.value == pytest.approx(np.mean(radii < threats[1].epsilon))
    assert not result.passed
    assert more_steps(linear, x, y, ~left, attack=attack, threats=threats, seed=0, bound=0.5).value == 0


@pytest.mark.parametrize(("astray", "fires"), [((Loss.MARGIN,), False), (Loss, True)])
def test_one_step_is_held_against_many_on_either_of_its_losses(astray: Iterable[Loss], fires: bool) -> None:
    linear, x, y = two_class_problem()
    radius = float(np.median(minimal_radii(linear, x, y, Norm.LINF)))
    model = Astray(linear, x, losses=astray)
    epsilons, stages = (radius, 2 * radius), search_suite(5)
    suite = run_suite(model, x, y, epsilons=epsilons, stages=stages, seed=0)
    assert suite.attack_accuracy["fgsm"] < suite.attack_accuracy["pgd"]
    examined = Examined(model=model, x=x, y=y, suite=suite, pgd_steps=5, seed=0, saturation={})
    (check,) = [found for found in suite_checks(examined, SEARCH_LIMITS) if found.name == "fgsm_never_beats_pgd"]
    assert check.bound == 0
    assert check.passed != fires
    assert (check.value > 0.2) == fires


def test_largest_loss_is_taken_over_rows() -> None:
    before = np.array([[True, True, True, False], [True, True, False, False]])
    after = np.array([[True, True, False, True], [False, False, False, False]])
    assert largest_loss(before, after) == 0.5


def test_half_way_radius_by_hand() -> None:
    assert half_way_radius((0.1, 0.2, 0.4), (0.8, 0.5, 0.1), clean_accuracy=0.9) == 0.2


@pytest.mark.parametrize(("value", "passed"), [(0.1, True), (0.11, False), (float("nan"), False), (-1.0, True)])
def test_a_bound_is_kept_by_finite_values_up_to_it(value: float, passed: bool) -> None:
    assert at_most("name", value, 0.1).passed == passed
