"""Projected gradient descent (Madry et al. 2018); keeps the best iterate and drops what is broken."""

from dataclasses import dataclass

import numpy as np

from search.attacks.base import Attack, Classifier, Inputs, Labels, ThreatModel, is_broken, margin, project
from search.attacks.geometry import ascent_step, starting_points
from search.attacks.losses import Backward, Loss

_STEP_FACTOR = 2.5  # a step is 2.5 * epsilon / steps, so that every point of the ball can be reached


@dataclass(frozen=True, slots=True, kw_only=True)
class PGD(Attack):
    """Steps of steepest ascent (in L-inf the gradient's signs) from a random start or where a smaller radius ended.

    Attributes:
        steps: gradient evaluations.
        loss: what the steps raise; the best iterate is the one with the largest margin, whatever the loss.
        backward: the network that the gradients go through.
        scale: what the logits are multiplied by before the loss is taken; matters to CROSS_ENTROPY only.
        label: short name, as stored and shown.
    """

    steps: int
    loss: Loss = Loss.MARGIN
    backward: Backward = Backward.SURROGATE
    scale: float = 1.0
    label: str = "pgd"

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
        """Return each example's iterate with the largest margin; an example that broke is not touched again."""
        epsilon, norm = threat.epsilon, threat.norm
        current = starting_points(x, start, threat, input_range=model.input_range, rng=rng)
        best, best_margin = current.copy(), np.full(len(x), -np.inf, np.float32)
        active = np.arange(len(x))
        step = _STEP_FACTOR * epsilon / self.steps
        for _ in range(self.steps):
            logits, gradient = model.loss_gradient(
                current[active], y[active], loss=self.loss, backward=self.backward, scale=self.scale
            )
            _keep_best(best, best_margin, current, logits, y, active)
            survives = ~is_broken(logits, y[active])
            active, gradient = active[survives], gradient[survives]
            if not active.size:
                return best
            moved = ascent_step(current[active], gradient, size=step, norm=norm)
            current[active] = project(moved, x[active], epsilon=epsilon, input_range=model.input_range, norm=norm)
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
