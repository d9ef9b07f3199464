"""What every attack keeps: the ball, the range, the success test, its seed, and the radius that a linear model has."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from search.attacks.base import Attack, Classifier, Inputs, Labels, ThreatModel, is_broken, margin, project
from search.attacks.fgsm import FGSM
from search.attacks.pgd import PGD
from spaces.errors import SpecError
from tests.search.attacks.builders import LinearClassifier, make_linear

# A further attack is one more entry.
ATTACKS = [pytest.param(FGSM(), id="fgsm"), pytest.param(PGD(steps=20), id="pgd")]
every_attack = pytest.mark.parametrize("attack", ATTACKS)


def rng() -> np.random.Generator:
    return np.random.default_rng(3)


@every_attack
def test_breaks_a_linear_model_just_above_its_least_radius_and_not_below(attack: Attack) -> None:
    model, x, y = make_linear()
    radii = model.least_epsilon(x, y)
    for row in range(0, len(x), 4):
        one, label = x[row : row + 1], y[row : row + 1]
        above = attack(model, one, label, ThreatModel(epsilon=1.01 * radii[row]), rng=rng())
        below = attack(model, one, label, ThreatModel(epsilon=0.99 * radii[row]), rng=rng())
        assert above.is_broken.tolist() == [True]
        assert below.is_broken.tolist() == [False]


@every_attack
@given(
    x=hnp.arrays(np.float32, (3, 3, 4), elements=st.floats(0, 1, width=32)),
    epsilon=st.floats(1e-3, 2),
    labels=hnp.arrays(np.int64, 3, elements=st.integers(0, 2)),
    seed=st.integers(0, 100),
)
@settings(max_examples=40, deadline=None)
def test_results_are_in_the_ball_and_in_the_range(
    attack: Attack, x: Inputs, epsilon: float, labels: Labels, seed: int
) -> None:
    model, _, _ = make_linear(n_classes=3)
    result = attack(model, x, labels, ThreatModel(epsilon=epsilon), rng=np.random.default_rng(seed))
    assert result.x.shape == x.shape
    assert result.x.dtype == np.float32
    assert np.abs(result.x.astype(np.float64) - x).max() <= epsilon * (1 + 1e-6) + 1e-7
    assert result.x.min() >= 0
    assert result.x.max() <= 1
    assert result.is_broken.tolist() == (model.logits(result.x).argmax(axis=1) != labels).tolist()


@every_attack
def test_equal_seeds_give_equal_results(attack: Attack) -> None:
    model, x, y = make_linear(n_classes=3)
    threat = ThreatModel(epsilon=0.02)
    first, again = (attack(model, x, y, threat, rng=rng()) for _ in range(2))
    np.testing.assert_array_equal(first.x, again.x)
    np.testing.assert_array_equal(first.is_broken, again.is_broken)


@every_attack
def test_wrong_input_units_are_refused(attack: Attack) -> None:
    model, x, y = make_linear()
    with pytest.raises(SpecError, match=r"must lie in \[0, 1\].*wrong input units"):
        attack(model, x * 255, y, ThreatModel(epsilon=0.1), rng=rng())


@every_attack
def test_labels_must_match_inputs(attack: Attack) -> None:
    model, x, y = make_linear()
    with pytest.raises(SpecError, match="40 inputs but 39 labels"):
        attack(model, x, y[1:], ThreatModel(epsilon=0.1), rng=rng())


@every_attack
def test_clean_inputs_are_left_as_they_are(attack: Attack) -> None:
    model, x, y = make_linear()
    before = x.copy()
    attack(model, x, y, ThreatModel(epsilon=0.1), start=x.copy(), rng=rng())
    np.testing.assert_array_equal(x, before)


@every_attack
def test_a_model_without_gradients_is_not_broken(attack: Attack) -> None:
    flat = LinearClassifier(np.zeros((12, 2)), np.array([1.0, 0.0]))
    x = np.full((3, 3, 4), 0.5, np.float32)
    result = attack(flat, x, np.zeros(3, np.int64), ThreatModel(epsilon=0.3), rng=rng())
    assert not result.is_broken.any()


def test_margin_by_hand() -> None:
    logits = np.array([[1.0, 4.0, 2.0], [5.0, 0.0, 3.0], [2.0, 2.0, 0.0]], np.float32)
    assert margin(logits, np.array([1, 2, 1])).tolist() == [-2.0, 2.0, 0.0]


def test_ties_go_to_the_first_class_as_argmax_breaks_them() -> None:
    tied = np.array([[2.0, 2.0, 0.0]] * 3, np.float32)
    assert is_broken(tied, np.array([0, 1, 2])).tolist() == [False, True, True]


def test_projection_by_hand() -> None:
    center = np.array([[0.5, 0.02, 0.98]], np.float32)
    moved = np.array([[0.9, -0.5, 1.5]], np.float32)
    projected = project(moved, center, epsilon=0.1, input_range=(0.0, 1.0))
    np.testing.assert_allclose(projected, [[0.6, 0.0, 1.0]], rtol=1e-6)


@given(
    center=hnp.arrays(np.float32, 5, elements=st.floats(0, 1, width=32)),
    x=hnp.arrays(np.float32, 5, elements=st.floats(-3, 3, width=32)),
    epsilon=st.floats(0.01, 2),
)
def test_projection_is_idempotent_and_keeps_what_is_inside(
    center: NDArray[np.float32], x: NDArray[np.float32], epsilon: float
) -> None:
    once = project(x, center, epsilon=epsilon, input_range=(0.0, 1.0))
    np.testing.assert_array_equal(project(once, center, epsilon=epsilon, input_range=(0.0, 1.0)), once)
    np.testing.assert_array_equal(project(center, center, epsilon=epsilon, input_range=(0.0, 1.0)), center)


@pytest.mark.parametrize("epsilon", [0.0, -0.1, float("inf"), float("nan")])
def test_a_ball_needs_a_finite_radius(epsilon: float) -> None:
    with pytest.raises(SpecError, match="epsilon must be finite and > 0"):
        ThreatModel(epsilon=epsilon)


def test_fgsm_is_one_signed_step_of_the_whole_radius() -> None:
    model = LinearClassifier(np.array([[1.0, -1.0], [-2.0, 0.0], [0.0, 0.0]]), np.zeros(2))
    x = np.full((1, 3), 0.5, np.float32)
    result = FGSM()(model, x, np.array([0]), ThreatModel(epsilon=0.25), rng=rng())
    # Towards class 1: down where the first weight is larger, up where it is smaller, still where they are equal.
    np.testing.assert_allclose(result.x, [[0.25, 0.75, 0.5]])


@dataclass
class CountedModel:
    """Counts gradients."""

    inner: LinearClassifier
    gradients: int = 0

    @property
    def input_range(self) -> tuple[float, float]:
        return self.inner.input_range

    def logits(self, x: Inputs) -> NDArray[np.float32]:
        return self.inner.logits(x)

    def loss_gradient(self, x: Inputs, y: Labels, **options: Any) -> tuple[NDArray[np.float32], Inputs]:
        self.gradients += len(x)
        return self.inner.loss_gradient(x, y, **options)


def test_pgd_takes_one_gradient_a_step_and_none_for_what_is_broken() -> None:
    linear, x, y = make_linear()
    tiny = CountedModel(linear)
    PGD(steps=7)(tiny, x, y, ThreatModel(epsilon=1e-6), rng=rng())
    assert tiny.gradients == 7 * len(x)
    huge = CountedModel(linear)
    assert PGD(steps=50)(huge, x, y, ThreatModel(epsilon=0.4), rng=rng()).is_broken.all()
    assert huge.gradients < 10 * len(x)


def test_pgd_goes_on_from_where_a_smaller_radius_ended() -> None:
    seen: list[Any] = []

    class Recording(LinearClassifier):
        def loss_gradient(self, x: Inputs, y: Labels, **options: Any) -> tuple[NDArray[np.float32], Inputs]:
            seen.append(x.copy())
            return super().loss_gradient(x, y, **options)

    linear, x, y = make_linear()
    model: Classifier = Recording(linear.weights, linear.bias)
    start = x + np.float32(0.001)
    PGD(steps=1)(model, x, y, ThreatModel(epsilon=0.01), start=start, rng=rng())
    np.testing.assert_array_equal(seen[0], start)
    PGD(steps=1)(model, x, y, ThreatModel(epsilon=0.01), rng=rng())
    assert (seen[1] != x).all()  # without a start it draws its own
