"""NES: its budget, linear models with known distances, and an int8 file's coarse inputs and logits."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from search.attacks.base import Inputs, ThreatModel
from search.attacks.nes import NES
from search.attacks.square import Square
from spaces.norms import INPUT_NORMS, Norm
from tests.search.attacks.linear_model import LinearModel, linear_problem, minimal_radii

ATTACK = NES(query_budget=2000, steps=20, input_step=1 / 255)


@dataclass
class Coarse:
    """A linear model that rounds its inputs to 1/255 and its logits to a fifth of their spread, and counts queries."""

    inner: LinearModel
    spread: float
    n_asked: list[int] = field(default_factory=list)
    input_range: tuple[float, float] = (0.0, 1.0)

    def logits(self, x: Inputs) -> NDArray[np.float32]:
        self.n_asked.append(len(x))
        step = np.float32(self.spread / 5)
        return step * np.round(self.inner.logits(np.round(255 * x) / np.float32(255)) / step)


def coarse_problem() -> tuple[Coarse, Inputs, NDArray[np.int64], NDArray[np.float64]]:
    """Return a model on 16 x 16 pixels, inputs that it gets right, labels and their L-inf distances before rounding."""
    model, x, y = linear_problem(n=20, shape=(16, 16, 1))
    coarse = Coarse(model, spread=float(model.logits(x).std()))
    is_right = coarse.logits(x).argmax(axis=1) == y
    coarse.n_asked.clear()
    x, y = x[is_right], y[is_right]
    return coarse, x, y, minimal_radii(model, x, y, Norm.LINF)


@pytest.mark.parametrize("norm", INPUT_NORMS)
def test_linear_models_fall_within_little_more_than_their_distance(norm: Norm) -> None:
    model, x, y = linear_problem(n=30)
    distances = minimal_radii(model, x, y, norm)
    epsilon = float(np.quantile(distances, 0.5))
    broken = ATTACK(model, x, y, ThreatModel(epsilon=epsilon, norm=norm), rng=np.random.default_rng(0)).is_broken
    assert broken[distances < 0.9 * epsilon].all()
    assert not broken[distances > epsilon * (1 + 1e-5)].any()


def test_no_example_is_asked_for_more_than_the_budget() -> None:
    model, x, y = linear_problem(n=6, shape=(8, 8, 1))
    unbreakable = LinearModel(np.zeros_like(model.weights), np.array([1.0, 0, 0, 0]))
    asked = Coarse(unbreakable, spread=1.0)
    ATTACK(asked, x, np.zeros_like(y), ThreatModel(epsilon=0.1), rng=np.random.default_rng(0))
    assert sum(asked.n_asked) <= (ATTACK.query_budget + 1) * len(x), "the last is the caller's success test"
    assert sum(asked.n_asked) >= 0.9 * ATTACK.query_budget * len(x)


def test_how_many_are_asked_at_once_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x, y = linear_problem(n=30)
    threat = ThreatModel(epsilon=0.02)
    whole = ATTACK(model, x, y, threat, rng=np.random.default_rng(0))
    monkeypatch.setattr("search.attacks.nes._ASKED_AT_ONCE", 100)
    parts = ATTACK(model, x, y, threat, rng=np.random.default_rng(0))
    assert np.array_equal(whole.is_broken, parts.is_broken)


def test_coarse_logits_and_inputs_hide_less_from_it_than_from_square() -> None:
    model, x, y, distances = coarse_problem()
    threat = ThreatModel(epsilon=1.5 * float(np.median(distances)))
    ours, square = (
        attack(model, x, y, threat, rng=np.random.default_rng(0)).is_broken.mean()
        for attack in (ATTACK, Square(query_budget=ATTACK.query_budget))
    )
    assert ours > square + 0.1


def test_it_asks_beyond_a_ball_that_is_narrower_than_the_inputs_steps() -> None:
    model, x, y, _ = coarse_problem()
    threat = ThreatModel(epsilon=0.6 / 255)
    asked = replace(ATTACK, input_step=1e-6)
    far, near = (attack(model, x, y, threat, rng=np.random.default_rng(0)).x - x for attack in (ATTACK, asked))
    gradient = np.stack([model.inner.weights[:, label] for label in y]).reshape(x.shape)
    toward = [-(np.sign(moved) * gradient).sum() for moved in (far, near)]
    assert toward[0] > toward[1]
