"""Random search from where another attack ended: the edges of a stair that no gradient points at."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from search.attacks.base import Attack, Classifier, Inputs, Labels, ThreatModel
from search.attacks.random_search import random_search
from search.attacks.square import MOVES
from search.attacks.windows import covering_side

# Of the input: 2 by 2 pixels of 32 by 32. On networks of 4 to 5 bits larger or shrinking windows broke no more.
_FRACTION = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSearch(Attack):
    """Square's moves with small windows, begun at the end of a gradient attack.

    A network with few activation bits is a stair: its surrogate gradient shows the way up, but not the nearest edge.

    Attributes:
        origin: the attack at whose end the search begins.
        query_budget: logits asked for, per example, beside those of `origin`.
        drops_slow: give up early what would not break within the budget at its present pace; a third to a fifth of
            the queries then find nearly all that the whole budget finds.
        label: short name, as stored and shown.
    """

    origin: Attack
    query_budget: int
    drops_slow: bool
    label: str

    @property
    def name(self) -> str:
        """Short name, as stored and shown."""
        return self.label

    def run(
        self,
        model: Classifier,
        x: Inputs,
        y: Labels,
        threat: ThreatModel,
        *,
        start: Inputs,
        rng: np.random.Generator,
    ) -> Inputs:
        """Return each example's best perturbed input; what the first attack broke stays as it left it."""
        side = covering_side(x.shape, _FRACTION)
        move = partial(MOVES[threat.norm].move, side=side, epsilon=threat.epsilon, rng=rng)
        return random_search(
            model,
            x,
            y,
            threat,
            begin=self.origin(model, x, y, threat, start=start, rng=rng).x,
            propose=lambda current, centers, _: move(current, centers),
            query_budget=self.query_budget,
            drops_slow=self.drops_slow,
        )
