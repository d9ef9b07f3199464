"""The fast gradient sign method (Goodfellow, Shlens and Szegedy 2015), on cross-entropy and on the margin."""

import numpy as np

from search.attacks.base import Attack, Classifier, Inputs, Labels, ThreatModel, margin, project
from search.attacks.geometry import ascent_step
from search.attacks.losses import Backward, Loss

# Neither alone will do: on a 4-bit network the margin was 2 to 3 points weaker, on scaled logits cross-entropy is flat.
_LOSSES = (Loss.MARGIN, Loss.CROSS_ENTROPY)


class FGSM(Attack):
    """One step of the whole radius from the clean input for each loss; the one with the larger margin counts."""

    @property
    def name(self) -> str:
        """Short name, as stored and shown."""
        return "fgsm"

    def run(
        self,
        model: Classifier,
        x: Inputs,
        y: Labels,
        threat: ThreatModel,
        *,
        start: Inputs,  # noqa: ARG002  (a single step always begins at the clean input)
        rng: np.random.Generator,  # noqa: ARG002  (nothing is drawn)
    ) -> Inputs:
        """Return x + epsilon * sign(gradient), in L2 x + epsilon * gradient / ||gradient||."""
        best, best_margin = x.copy(), np.full(len(x), -np.inf, np.float32)
        for loss in _LOSSES:
            _, gradient = model.loss_gradient(x, y, loss=loss, backward=Backward.SURROGATE)
            moved = ascent_step(x, gradient, size=threat.epsilon, norm=threat.norm)
            moved = project(moved, x, epsilon=threat.epsilon, input_range=model.input_range, norm=threat.norm)
            margins = margin(model.logits(moved), y)
            better = margins > best_margin
            best[better], best_margin[better] = moved[better], margins[better]
        return best
