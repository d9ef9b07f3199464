"""Random noise: what breaks without looking at the model at all."""

from dataclasses import dataclass

import numpy as np

from search.attacks.base import Attack, Classifier, Inputs, Labels, ThreatModel, is_broken, margin, project
from search.attacks.geometry import unit_length
from spaces.norms import Norm


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomNoise(Attack):
    """Many draws at the full radius; the one with the largest margin counts.

    L-inf draws alternate between corners of the cube (+-epsilon in every coordinate) and points uniform inside it;
    L2 draws lie in a uniform direction at the radius.

    Attributes:
        draws: for each example.
    """

    draws: int

    @property
    def name(self) -> str:
        """Short name, as stored and shown."""
        return "noise"

    def run(
        self,
        model: Classifier,
        x: Inputs,
        y: Labels,
        threat: ThreatModel,
        *,
        start: Inputs,  # noqa: ARG002  (every draw begins at the clean input)
        rng: np.random.Generator,
    ) -> Inputs:
        """Return each example's worst draw; an example that broke is not drawn for again."""
        best, best_margin = x.copy(), np.full(len(x), -np.inf, np.float32)
        active = np.arange(len(x))
        for draw in range(self.draws):
            if not active.size:
                break
            noisy = x[active] + _noise(x[active].shape, threat, rng, is_corner=draw % 2 == 0)
            noisy = project(noisy, x[active], epsilon=threat.epsilon, input_range=model.input_range, norm=threat.norm)
            logits = model.logits(noisy)
            margins = margin(logits, y[active])
            taken = (margins > best_margin[active]) | is_broken(logits, y[active])
            best[active[taken]], best_margin[active[taken]] = noisy[taken], margins[taken]
            active = active[~is_broken(logits, y[active])]
        return best


def _noise(shape: tuple[int, ...], threat: ThreatModel, rng: np.random.Generator, *, is_corner: bool) -> Inputs:
    if threat.norm is Norm.L2:
        return np.float32(threat.epsilon) * unit_length(rng.standard_normal(shape, dtype=np.float32))
    if is_corner:
        return (threat.epsilon * (2.0 * rng.integers(0, 2, size=shape) - 1)).astype(np.float32)
    return rng.uniform(-threat.epsilon, threat.epsilon, size=shape).astype(np.float32)
