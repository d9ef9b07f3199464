"""The Square attack (Andriushchenko et al. 2020, arXiv 1912.00049), L-inf, from queries of logits alone."""

from dataclasses import dataclass

import numpy as np

from search.attacks.base import Attack, Classifier, Inputs, Labels, ThreatModel, is_broken, margin, project

_FIRST_FRACTION = 0.8  # of the input that the first squares cover, as in the authors' code
# Queries of a 10,000-query budget after which the covered fraction is halved.
_HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Square(Attack):
    """Random search over squares of +-epsilon; a move that leaves the margin equal is taken too.

    Quantized logits tie often; refusing equal moves would stop the search on their plateaus.

    Attributes:
        query_budget: logits asked for, per example.
    """

    query_budget: int

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
        start: Inputs,  # noqa: ARG002  (it always begins with vertical stripes on the clean input)
        rng: np.random.Generator,
    ) -> Inputs:
        """Return each example's best perturbed input; an example that broke is not queried again."""
        epsilon = np.float32(threat.epsilon)
        stripes = rng.choice([-epsilon, epsilon], size=(len(x), 1, *x.shape[2:])).astype(np.float32)
        best = project(x + stripes, x, epsilon=threat.epsilon, input_range=model.input_range)
        logits = model.logits(best)
        best_margin, active = margin(logits, y), np.flatnonzero(~is_broken(logits, y))
        for query in range(1, self.query_budget):
            if not active.size:
                break
            side = _side(x.shape, self._fraction(query))
            tried = _with_squares(best[active], x[active], side, epsilon, rng)
            tried = project(tried, x[active], epsilon=threat.epsilon, input_range=model.input_range)
            logits = model.logits(tried)
            margins = margin(logits, y[active])
            taken = (margins >= best_margin[active]) | is_broken(logits, y[active])
            best[active[taken]], best_margin[active[taken]] = tried[taken], margins[taken]
            active = active[~is_broken(logits, y[active])]
        return best

    def _fraction(self, query: int) -> float:
        scaled = query * 10_000 / self.query_budget
        return float(_FIRST_FRACTION / 2 ** sum(scaled > halving for halving in _HALVINGS))


def _side(shape: tuple[int, ...], fraction: float) -> int:
    """Return the side of a square that covers a fraction of the height and width, at least 1."""
    height, width = shape[1:3]
    return int(min(max(round(np.sqrt(fraction * height * width)), 1), height - 1 or 1, width - 1 or 1))


def _with_squares(current: Inputs, x: Inputs, side: int, epsilon: np.float32, rng: np.random.Generator) -> Inputs:
    """Return each example with one square, at its own random place, set to x +- epsilon per channel."""
    n, height, width, channels = current.shape
    tops, lefts = rng.integers(0, height - side + 1, size=n), rng.integers(0, width - side + 1, size=n)
    rows = (tops[:, None] + np.arange(side))[:, :, None]
    columns = (lefts[:, None] + np.arange(side))[:, None, :]
    examples = np.arange(n)[:, None, None]
    signs = rng.choice([-epsilon, epsilon], size=(n, 1, 1, channels)).astype(np.float32)
    changed = current.copy()
    changed[examples, rows, columns] = x[examples, rows, columns] + signs
    return changed
