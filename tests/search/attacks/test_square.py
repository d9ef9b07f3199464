"""Square on images of any shape: its budget, the sphere in L2, its first moves by hand, linear models."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from search.attacks.base import Inputs, Labels, ThreatModel
from search.attacks.geometry import distances
from search.attacks.square import Square
from search.attacks.square_l2 import tiles, with_moved_length
from search.attacks.windows import covering_side, fitting_side
from spaces.norms import INPUT_NORMS, Norm
from tests.search.attacks.linear_model import LinearModel, linear_problem, minimal_radii

SHAPES = [(8, 8, 1), (49, 10, 1), (32, 32, 3), (4, 4, 1), (3, 3, 2), (2, 5, 1), (1, 9, 1), (1, 1, 3)]
EPSILON = {Norm.LINF: 0.02, Norm.L2: 0.1}


@dataclass
class Recorded:
    """Hands on to a linear model and keeps what was asked."""

    inner: LinearModel
    queries: list[Inputs] = field(default_factory=list)
    input_range: tuple[float, float] = (0.0, 1.0)

    def logits(self, x: Inputs) -> NDArray[np.float32]:
        self.queries.append(x.copy())
        return self.inner.logits(x)


def unbreakable(shape: tuple[int, ...], *, n: int = 6) -> tuple[Recorded, Inputs, Labels]:
    """A model that is right everywhere in the ball, all of whose examples keep their margin at every move."""
    model, x, _ = linear_problem(n=n, shape=shape)
    return Recorded(LinearModel(np.zeros_like(model.weights), np.array([1.0, 0, 0, 0]))), x, np.zeros(n, np.int64)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("norm", INPUT_NORMS)
def test_every_query_is_in_the_ball_and_the_range(shape: tuple[int, ...], norm: Norm) -> None:
    model, x, y = unbreakable(shape)
    x = np.where(np.random.default_rng(0).random(x.shape) < 0.3, np.float32(0), x)  # on the bound too
    Square(query_budget=40)(model, x, y, ThreatModel(epsilon=EPSILON[norm], norm=norm), rng=np.random.default_rng(1))
    assert len(model.queries) == 40 + 1, "the last is the caller's success test"
    for asked in model.queries:
        assert np.isfinite(asked).all()
        assert distances(asked, x, norm).max() <= EPSILON[norm] * (1 + 1e-5)
        assert asked.min() >= 0
        assert asked.max() <= 1


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_query_in_l2_is_at_the_radius(shape: tuple[int, ...]) -> None:
    model, x, y = unbreakable(shape)
    threat = ThreatModel(epsilon=EPSILON[Norm.L2], norm=Norm.L2)
    result = Square(query_budget=60)(model, x, y, threat, rng=np.random.default_rng(1))
    for asked in (*model.queries, result.x):
        np.testing.assert_allclose(distances(asked, x, Norm.L2), threat.epsilon, rtol=1e-4)


@pytest.mark.parametrize("norm", INPUT_NORMS)
def test_budget_is_kept_and_broken_examples_are_not_asked_for_again(norm: Norm) -> None:
    linear, x, y = linear_problem(shape=(8, 8, 1))
    model, threat = Recorded(linear), ThreatModel(epsilon=EPSILON[norm] * 2, norm=norm)
    result = Square(query_budget=25)(model, x, y, threat, rng=np.random.default_rng(1))
    asked = [len(queries) for queries in model.queries[:-1]]
    assert len(asked) <= 25
    assert asked[0] == len(x)
    assert asked == sorted(asked, reverse=True)
    assert 0 < asked[-1] < len(x)
    assert (~result.is_broken).sum() <= asked[-1]


# White weights are the hardest for windows: the larger the image, the farther from the boundary they end.
@pytest.mark.parametrize(
    ("shape", "factor"), [((4, 4, 1), 2), ((8, 8, 1), 2), ((1, 9, 1), 2), ((49, 10, 1), 4)], ids=str
)
def test_linear_model_falls_in_l2_beyond_its_minimal_radius_and_not_before(
    shape: tuple[int, ...], factor: float
) -> None:
    model, x, y = linear_problem(shape=shape)
    for row, radius in enumerate(minimal_radii(model, x, y, Norm.L2)):
        for scale, expected in ((factor, True), (0.99, False)):
            threat = ThreatModel(epsilon=float(radius * scale), norm=Norm.L2)
            attack = Square(query_budget=400)
            result = attack(model, x[row : row + 1], y[row : row + 1], threat, rng=np.random.default_rng(row))
            assert result.is_broken[0] == expected, (row, scale)


def test_first_move_in_l2_is_a_bump_above_a_dip() -> None:
    # One row of (1/4, 5/4, 1/4) and, negated, two with the summit in the lower one; either half has length 1.
    upper, lower = np.array([[1, 5, 1]]), np.array([[1, 1, 1], [1, 5, 1]])
    upright = np.concatenate([upper / np.sqrt(27), -lower / np.sqrt(30)]) / np.sqrt(2)
    x = np.full((40, 7, 7, 1), 0.5, np.float32)
    moved = with_moved_length(x, x, side=3, epsilon=0.2, rng=np.random.default_rng(0)) - x
    seen = set()
    for delta in moved[..., 0]:
        rows, columns = np.flatnonzero(delta.any(axis=1)), np.flatnonzero(delta.any(axis=0))
        window = delta[rows[0] : rows[0] + 3, columns[0] : columns[0] + 3]
        assert len(rows) == len(columns) == 3
        patterns = {"up": upright, "down": -upright, "left": upright.T, "right": -upright.T}
        seen |= {name for name, pattern in patterns.items() if np.allclose(window, 0.2 * pattern, atol=1e-6)}
    assert seen == {"up", "down", "left", "right"}


def test_length_of_one_window_goes_to_the_other() -> None:
    x = np.full((50, 9, 9, 1), 0.5, np.float32)
    before = tiles(x, 0.3, np.random.default_rng(0))
    after = with_moved_length(before, x, side=3, epsilon=0.3, rng=np.random.default_rng(1))
    changed = np.abs(after - before)[..., 0] > 1e-5
    assert (changed.sum(axis=(1, 2)) <= 2 * 9).all()
    assert ((after == x)[..., 0] & changed).any(axis=(1, 2)).mean() > 0.9, "a window is emptied unless both coincide"


def test_first_pattern_in_l2_covers_the_image_with_tiles() -> None:
    x = np.full((3, 32, 20, 2), 0.5, np.float32)
    delta = tiles(x, 1.0, np.random.default_rng(0)) - x
    assert (delta != 0).all(), "20 // 5 = 4 divides both sides"
    lengths = np.sqrt((delta.reshape(3, 8, 4, 5, 4, 2) ** 2).sum(axis=(2, 4)))
    np.testing.assert_allclose(lengths, 1 / np.sqrt(8 * 5 * 2), rtol=1e-4)


def test_sides_by_hand() -> None:
    assert covering_side((7, 32, 32, 3), 0.1) == 10  # sqrt(102.4)
    assert covering_side((7, 49, 10, 1), 0.1) == 7
    assert covering_side((7, 8, 8, 1), 0.001) == 1
    assert fitting_side(9, (7, 49, 5, 1)) == 4
    assert fitting_side(3, (7, 1, 9, 1)) == 1
