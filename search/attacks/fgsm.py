"""The fast gradient sign method (Goodfellow, Shlens and Szegedy 2015), on the margin loss."""

import numpy as np

from search.attacks.base import Attack, Classifier, Inputs, Labels, ThreatModel, signed_step


class FGSM(Attack):
    """One signed step of the whole radius from the clean input."""

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
        start: Inputs | None,  # noqa: ARG002  (a single step always begins at the clean input)
        rng: np.random.Generator,  # noqa: ARG002  (nothing is drawn)
    ) -> Inputs:
        """Return x + epsilon * sign(gradient)."""
        _, gradient = model.margin_gradient(x, y)
        return signed_step(x, gradient, size=threat.epsilon)
