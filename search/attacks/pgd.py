"""Projected gradient descent (Madry et al. 2018) on the margin loss; keeps the best iterate."""

from dataclasses import dataclass

import numpy as np

from search.attacks.base import (
    Attack,
    Classifier,
    Inputs,
    Labels,
    ThreatModel,
    is_broken,
    margin,
    project,
    random_start,
    signed_step,
)

_STEP_FACTOR = 2.5  # a step is 2.5 * epsilon / steps, so that every point of the ball can be reached


@dataclass(frozen=True, slots=True)
class PGD(Attack):
    """Signed gradient steps from a random start, or from where a smaller radius ended.

    Attributes:
        steps: gradient evaluations.
    """

    steps: int

    @property
    def name(self) -> str:
        """Short name, as stored and shown."""
        return "pgd"

    def run(
        self,
        model: Classifier,
        x: Inputs,
        y: Labels,
        threat: ThreatModel,
        *,
        start: Inputs | None,
        rng: np.random.Generator,
    ) -> Inputs:
        """Return each example's iterate with the largest margin; an example that broke is not touched again."""
        epsilon = threat.epsilon
        begin = random_start(x, epsilon=epsilon, rng=rng) if start is None else start
        current = project(begin, x, epsilon=epsilon, input_range=model.input_range)
        best, best_margin = current.copy(), np.full(len(x), -np.inf, np.float32)
        active = np.arange(len(x))
        step = _STEP_FACTOR * epsilon / self.steps
        for _ in range(self.steps):
            logits, gradient = model.margin_gradient(current[active], y[active])
            _keep_best(best, best_margin, current, logits, y, active)
            survives = ~is_broken(logits, y[active])
            active, gradient = active[survives], gradient[survives]
            if not active.size:
                return best
            moved = signed_step(current[active], gradient, size=step)
            current[active] = project(moved, x[active], epsilon=epsilon, input_range=model.input_range)
        _keep_best(best, best_margin, current, model.logits(current[active]), y, active)
        return best


def _keep_best(
    best: Inputs,
    best_margin: np.ndarray[tuple[int], np.dtype[np.float32]],
    current: Inputs,
    logits: np.ndarray[tuple[int, int], np.dtype[np.float32]],
    y: Labels,
    active: np.ndarray[tuple[int], np.dtype[np.intp]],
) -> None:
    """Store, in place, the iterates that are broken or have a larger margin than before."""
    margins = margin(logits, y[active])
    improved = (margins > best_margin[active]) | is_broken(logits, y[active])
    rows = active[improved]
    best[rows], best_margin[rows] = current[rows], margins[improved]
