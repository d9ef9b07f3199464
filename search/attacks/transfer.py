"""Transfer: inputs made to fool another network, then shown to this one (Dong et al. 2018, arXiv 1710.06081)."""

from dataclasses import dataclass

import numpy as np

from search.attacks.base import Attack, Classifier, Inputs, Labels, ThreatModel, project
from search.attacks.geometry import ascent_step, starting_points, step_size
from search.attacks.losses import Backward, Loss

_DECAY = 1.0  # of the accumulated gradient
_TINY = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer(Attack):
    """Momentum steps on a surrogate's cross-entropy; they go on after it is fooled, for only the target counts.

    Attributes:
        surrogate: the network whose gradients are followed.
        steps: gradient evaluations.
        label: short name, as stored and shown.
    """

    surrogate: Classifier
    steps: int
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
        """Return the last iterate."""
        current = starting_points(x, start, threat, input_range=model.input_range, rng=rng)
        moment = np.zeros_like(x)
        size = step_size(threat.epsilon, self.steps)
        for _ in range(self.steps):
            _, gradient = self.surrogate.loss_gradient(
                current, y, loss=Loss.SCALED_CROSS_ENTROPY, backward=Backward.SURROGATE
            )
            mean_size = np.abs(gradient).mean(axis=tuple(range(1, x.ndim)), keepdims=True)
            moment = np.float32(_DECAY) * moment + gradient / np.maximum(mean_size, np.float32(_TINY))
            moved = ascent_step(current, moment, size=size, norm=threat.norm)
            current = project(moved, x, epsilon=threat.epsilon, input_range=model.input_range, norm=threat.norm)
        return current
