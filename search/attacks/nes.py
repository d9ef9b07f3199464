"""NES: ascent along a gradient that is estimated from queries of logits (Ilyas et al. 2018, arXiv 1804.08598)."""

import math
from dataclasses import dataclass

import numpy as np

from search.attacks.base import Attack, Classifier, Inputs, Labels, ThreatModel, is_broken, margin, project
from search.attacks.geometry import ascent_step, step_size
from spaces.norms import Norm

_ASKED_AT_ONCE = 2048  # inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class NES(Attack):
    """Steps along the sum of all estimates so far: in a small ball the gradient hardly changes, and noise averages out.

    An estimate is the mean, over random signs u, of u times the difference of the margins at x + s * u and x - s * u.
    Each u moves the whole input, which the coarse inputs and logits of an int8 file answer; the ever smaller windows of
    Square they do not.

    Attributes:
        query_budget: logits asked for, per example.
        steps: that the budget is divided into.
        input_step: smallest difference between two inputs, in input units; s is at least that.
    """

    query_budget: int
    steps: int
    input_step: float

    @property
    def name(self) -> str:
        """Short name, as stored and shown."""
        return "nes"

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
        """Return the last iterates; an example that broke is not queried again."""
        pairs = (self.query_budget // self.steps - 1) // 2  # and one query to see where the step led
        epsilon, size = threat.epsilon, step_size(threat.epsilon, self.steps)
        reach = max(_per_coordinate(threat, x), self.input_step)
        current, ascent = start.copy(), np.zeros_like(x)
        active = np.arange(len(x))
        for _ in range(self.steps):
            if not active.size:
                break
            ascent[active] += _estimate(model, current[active], y[active], pairs=pairs, reach=reach, rng=rng)
            moved = ascent_step(current[active], ascent[active], size=size, norm=threat.norm)
            moved = project(moved, x[active], epsilon=epsilon, input_range=model.input_range, norm=threat.norm)
            current[active] = moved
            active = active[~is_broken(model.logits(moved), y[active])]
        return current


def _per_coordinate(threat: ThreatModel, x: Inputs) -> float:
    """Return how far all coordinates of an input can move at once within the ball."""
    return threat.epsilon if threat.norm is Norm.LINF else threat.epsilon / math.sqrt(math.prod(x.shape[1:]))


def _estimate(model: Classifier, x: Inputs, y: Labels, *, pairs: int, reach: float, rng: np.random.Generator) -> Inputs:
    """Return the gradient of each example's margin, up to a factor, from 2 * pairs queries of each.  # like x"""
    low, high = model.input_range
    at_once = max(_ASKED_AT_ONCE // (2 * len(x)), 1)
    total = np.zeros_like(x)
    for begin in range(0, pairs, at_once):
        n = min(at_once, pairs - begin)
        signs = 2 * rng.integers(0, 2, size=(n, *x.shape), dtype=np.int8) - 1
        moves = np.float32(reach) * signs
        asked = np.clip(np.stack([x + moves, x - moves]), low, high)  # [2, n, examples, ...]
        margins = margin(model.logits(asked.reshape(-1, *x.shape[1:])), np.tile(y, 2 * n)).reshape(2, n, len(x))
        total += np.einsum("ne,ne...->e...", margins[0] - margins[1], signs.astype(np.float32))
    return total
