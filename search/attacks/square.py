"""The Square attack (Andriushchenko et al. 2020, arXiv 1912.00049), from queries of logits alone."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from search.attacks.base import Attack, Classifier, Inputs, Labels, ThreatModel
from search.attacks.random_search import random_search
from search.attacks.square_l2 import tiles, with_moved_length
from search.attacks.square_linf import stripes, with_square
from search.attacks.windows import covering_side
from spaces.norms import Norm

# Queries of a 10,000-query budget after which the covered fraction is halved.
_HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)


class Move(Protocol):
    """One step of the search."""

    def __call__(self, current: Inputs, x: Inputs, *, side: int, epsilon: float, rng: np.random.Generator) -> Inputs:
        """Return the next points to try around x, near the current ones; a side too large for the image is reduced."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """How the search moves in the balls of one norm; every point is projected by the caller.

    Attributes:
        first_fraction: of the input that the first windows cover; AutoAttack's in L-inf, the paper's in L2.
        begin: (x, epsilon, rng) -> the first points.
        move: the next points to try.
    """

    first_fraction: float
    begin: Callable[[Inputs, float, np.random.Generator], Inputs]
    move: Move


MOVES = {
    Norm.LINF: Moves(first_fraction=0.8, begin=stripes, move=with_square),
    Norm.L2: Moves(first_fraction=0.1, begin=tiles, move=with_moved_length),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Square(Attack):
    """Random search over square windows that shrink as the budget is spent.

    Attributes:
        query_budget: logits asked for, per example.
        drops_slow: give up early what would not break within the budget at its present pace.
    """

    query_budget: int
    drops_slow: bool = False

    @property
    def name(self) -> str:
        """Short name, as stored and shown."""
        return "square"

    def run(
        self,
        model: Classifier,
        x: Inputs,
        y: Labels,
        threat: ThreatModel,
        *,
        start: Inputs,  # noqa: ARG002  (it always begins with a pattern on the clean input)
        rng: np.random.Generator,
    ) -> Inputs:
        """Return each example's best perturbed input; an example that broke is not queried again."""
        moves, epsilon = MOVES[threat.norm], threat.epsilon

        def propose(current: Inputs, centers: Inputs, query: int) -> Inputs:
            fraction = moves.first_fraction / 2 ** self._halvings(query)
            return moves.move(current, centers, side=covering_side(x.shape, fraction), epsilon=epsilon, rng=rng)

        return random_search(
            model,
            x,
            y,
            threat,
            begin=moves.begin(x, epsilon, rng),
            propose=propose,
            query_budget=self.query_budget,
            drops_slow=self.drops_slow,
        )

    def _halvings(self, query: int) -> int:
        scaled = query * 10_000 / self.query_budget
        return sum(scaled > halving for halving in _HALVINGS)
