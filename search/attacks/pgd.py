"""Projected gradient descent (Madry et al. 2018); keeps the best iterate and drops what is broken."""

from dataclasses import dataclass

import numpy as np

from search.attacks.base import Attack, Classifier, Inputs, Labels, ThreatModel, is_broken, margin, project
from search.attacks.geometry import ascent_step, starting_points, step_size
from search.attacks.losses import Backward, Loss


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
        rows, centers, labels = np.arange(len(x)), x, y  # of what is not broken yet, like `current` from here on
        step = step_size(epsilon, self.steps)
        for _ in range(self.steps):
            logits, gradient = model.loss_gradient(
                current, labels, loss=self.loss, backward=self.backward, scale=self.scale
            )
            _keep_best(best, best_margin, rows, current, logits, labels)
            survives = ~is_broken(logits, labels)
            if not survives.all():
                rows, centers, labels = rows[survives], centers[survives], labels[survives]
                current, gradient = current[survives], gradient[survives]
            if not rows.size:
                return best
            moved = ascent_step(current, gradient, size=step, norm=norm)
            current = project(moved, centers, epsilon=epsilon, input_range=model.input_range, norm=norm)
        _keep_best(best, best_margin, rows, current, model.logits(current), labels)
        return best


def _keep_best(
    best: Inputs,
    best_margin: np.ndarray[tuple[int], np.dtype[np.float32]],
    rows: np.ndarray[tuple[int], np.dtype[np.intp]],
    current: Inputs,
    logits: np.ndarray[tuple[int, int], np.dtype[np.float32]],
    labels: Labels,
) -> None:
    """Store, in place, the iterates at `rows` that are broken or have a larger margin than before."""
    margins = margin(logits, labels)
    improved = (margins > best_margin[rows]) | is_broken(logits, labels)
    best[rows[improved]], best_margin[rows[improved]] = current[improved], margins[improved]
