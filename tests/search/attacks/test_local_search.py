"""The local search: it keeps what its origin broke, stays in the ball, and finds the edges of stairs."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from search.attacks.base import Inputs, Labels, ThreatModel, margin
from search.attacks.geometry import distances
from search.attacks.local_search import LocalSearch
from search.attacks.pgd import PGD
from search.attacks.square import Square
from spaces.norms import INPUT_NORMS, Norm
from tests.search.attacks.linear_model import LinearModel, linear_problem

EPSILON = {Norm.LINF: 0.02, Norm.L2: 0.1}


def local_search(steps: int, *, query_budget: int, drops_slow: bool = False) -> LocalSearch:
    return LocalSearch(origin=PGD(steps=steps), query_budget=query_budget, drops_slow=drops_slow, label="pgd-local")


@dataclass
class Stairs:
    """A linear model behind rounded inputs, as quantized activations make it, with the gradient that ignores them."""

    inner: LinearModel
    step: float = 0.05
    input_range: tuple[float, float] = (0.0, 1.0)

    def logits(self, x: Inputs) -> NDArray[np.float32]:
        cells = np.round(x / self.step + 0.3 * np.sin(40 * np.arange(x[0].size)).reshape(x.shape[1:])) * self.step
        return self.inner.logits(cells.astype(np.float32))

    def loss_gradient(self, x: Inputs, y: Labels, **choices: Any) -> tuple[NDArray[np.float32], Inputs]:
        return self.logits(x), self.inner.loss_gradient(x, y, **choices)[1]


@dataclass
class Counted:
    """Counts the examples whose logits are asked for."""

    inner: Stairs
    queries: int = 0
    input_range: tuple[float, float] = (0.0, 1.0)

    def logits(self, x: Inputs) -> NDArray[np.float32]:
        self.queries += len(x)
        return self.inner.logits(x)

    def loss_gradient(self, x: Inputs, y: Labels, **choices: Any) -> tuple[NDArray[np.float32], Inputs]:
        return self.inner.loss_gradient(x, y, **choices)


@pytest.mark.parametrize("norm", INPUT_NORMS)
def test_search_from_another_attacks_end_keeps_what_that_broke_and_stays_in_the_ball(norm: Norm) -> None:
    linear, x, y = linear_problem(shape=(8, 8, 1))
    model, threat = Stairs(linear), ThreatModel(epsilon=EPSILON[norm], norm=norm)
    pgd = PGD(steps=5)
    alone = pgd(model, x, y, threat, rng=np.random.default_rng(1))
    result = local_search(5, query_budget=50)(model, x, y, threat, rng=np.random.default_rng(1))
    assert (result.is_broken | ~alone.is_broken).all()
    np.testing.assert_array_equal(result.x[alone.is_broken], alone.x[alone.is_broken])
    assert distances(result.x, x, norm).max() <= EPSILON[norm] * (1 + 1e-5)
    better = margin(model.logits(result.x), y) >= margin(model.logits(alone.x), y)
    assert better[~alone.is_broken].all()


def test_search_from_the_end_of_pgd_breaks_stairs_that_pgd_and_square_leave() -> None:
    linear, x, y = linear_problem(n=60, shape=(8, 8, 1))
    model, threat = Stairs(linear), ThreatModel(epsilon=0.015)
    attacks = [PGD(steps=20), Square(query_budget=200), local_search(20, query_budget=200)]
    pgd, square, both = (attack(model, x, y, threat, rng=np.random.default_rng(1)) for attack in attacks)
    assert both.is_broken.sum() > max(pgd.is_broken.sum(), square.is_broken.sum()), [
        result.is_broken.mean() for result in (pgd, square, both)
    ]


def test_dropping_the_slow_saves_queries_and_finds_nearly_as_much() -> None:
    linear, x, y = linear_problem(n=60, shape=(8, 8, 1))
    threat = ThreatModel(epsilon=0.015)
    asked, broken = {}, {}
    for drops_slow in (False, True):
        model = Counted(Stairs(linear))
        attack = local_search(10, query_budget=200, drops_slow=drops_slow)
        broken[drops_slow] = attack(model, x, y, threat, rng=np.random.default_rng(1)).is_broken.mean()
        asked[drops_slow] = model.queries
    assert asked[True] < 0.7 * asked[False]
    assert broken[True] >= broken[False] - 0.05
