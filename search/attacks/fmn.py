"""The fast minimum-norm attack (Pintor et al. 2021, arXiv 2102.12827): a ball that shrinks and grows around x."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.attacks.base import Classifier, Inputs, Labels, is_broken, margin
from search.attacks.geometry import distances, per_example, unit_length
from search.attacks.losses import Backward, Loss
from search.attacks.minimum_norm import MinimumNormAttack
from spaces.norms import Norm

_FIRST_RATE, _LAST_RATE = 0.05, 0.001  # gamma: by how much the radius changes in a step
_LAST_STEP = 0.01  # of the first step
_TINY = 1e-12

Lengths = NDArray[np.float32]  # [n]


@dataclass(frozen=True, slots=True, kw_only=True)
class FMN(MinimumNormAttack):
    """Ascends the margin inside a ball whose radius follows the decision boundary.

    While nothing wrong is found the radius is the present length plus |margin| / ||gradient||_dual, the distance to
    the linearized boundary, and a share gamma more, without which rounding can leave the iterate just short of it;
    then it shrinks by gamma at a wrong prediction and grows by gamma at a right one. Step and gamma fall along a
    cosine.

    Attributes:
        steps: gradient evaluations.
        step_size: length of the first step in L2, relative to the width of the input range.
    """

    steps: int
    step_size: float = 1.0

    @property
    def name(self) -> str:
        """Short name, as stored and shown."""
        return "fmn"

    def run(
        self,
        model: Classifier,
        x: Inputs,
        y: Labels,
        norm: Norm,
        *,
        rng: np.random.Generator,  # noqa: ARG002  (nothing is drawn)
    ) -> Inputs:
        """Return each example's nearest wrong iterate, or its last one."""
        low, high = model.input_range
        farthest = distances(np.where(x - low > high - x, low, high).astype(np.float32), x, norm)
        delta, best = np.zeros_like(x), x.copy()
        best_length, was_found = farthest.copy(), np.zeros(len(x), bool)
        radius = np.full(len(x), np.inf, np.float32)
        for step in range(self.steps):
            falling = (1 + math.cos(math.pi * step / self.steps)) / 2
            rate = np.float32(_LAST_RATE + (_FIRST_RATE - _LAST_RATE) * falling)
            size = np.float32(self.step_size * (high - low) * (_LAST_STEP + (1 - _LAST_STEP) * falling))
            current = x + delta
            logits, gradient = model.loss_gradient(current, y, loss=Loss.MARGIN, backward=Backward.SURROGATE)
            wrong, length = is_broken(logits, y), distances(current, x, norm)
            nearer = wrong & (length <= best_length)
            best[nearer], best_length[nearer] = current[nearer], length[nearer]
            was_found |= wrong
            ahead = length + np.abs(margin(logits, y)) / _dual_length(gradient, norm)
            grown = np.where(was_found, radius, ahead) * (1 + rate)
            radius = np.where(wrong, np.minimum(radius * (1 - rate), best_length), grown)
            radius = np.minimum(radius, farthest).astype(np.float32)
            delta = _shortened(delta + size * unit_length(gradient), radius, norm)
            delta = np.clip(x + delta, low, high) - x
        last: Inputs = x + delta
        best[~was_found] = last[~was_found]
        return best


def _dual_length(gradient: Inputs, norm: Norm) -> Lengths:
    flat = gradient.reshape(len(gradient), -1).astype(np.float64)
    lengths: NDArray[np.float64] = np.linalg.norm(flat, ord=1 if norm is Norm.LINF else 2, axis=1)
    return np.maximum(lengths, _TINY).astype(np.float32)


def _shortened(delta: Inputs, radius: Lengths, norm: Norm) -> Inputs:
    """Return perturbations moved into balls of their own radii around zero."""
    limit = per_example(radius, delta)
    if norm is Norm.LINF:
        return np.clip(delta, -limit, limit)
    length = per_example(distances(delta, np.zeros_like(delta), norm), delta)
    return delta * np.minimum(np.float32(1), limit / np.maximum(length, np.float32(_TINY)))
