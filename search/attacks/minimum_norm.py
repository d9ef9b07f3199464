"""Attacks that look for the nearest wrong prediction instead of filling a ball; success at any radius follows."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from search.attacks.base import Classifier, Inputs, Labels, check_inputs, is_broken
from search.attacks.geometry import distances, per_example
from spaces.norms import Norm

_HALVINGS = 8  # of the line back to the clean input


@dataclass(frozen=True, slots=True, kw_only=True)
class MinimumNormResult:
    """What an attack found.

    Attributes:
        x: the nearest wrongly predicted inputs, inside the valid range; the clean input where none was found.
            # [n, ...]
        distances: how far they are, inf where none was found.  # [n]
    """

    x: Inputs
    distances: NDArray[np.float32]


class MinimumNormAttack(ABC):
    """Base of the attacks that return distances."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Short name, as stored and shown."""

    @abstractmethod
    def run(self, model: Classifier, x: Inputs, y: Labels, norm: Norm, *, rng: np.random.Generator) -> Inputs:
        """Search for wrongly predicted inputs near the clean ones.

        Args:
            model: the model under attack.
            x: clean inputs, all classified right.  # [n, ...]
            y: labels.  # [n]
            norm: what near means.
            rng: the attack's randomness.
        """

    @final
    def __call__(
        self, model: Classifier, x: Inputs, y: Labels, norm: Norm, *, rng: np.random.Generator
    ) -> MinimumNormResult:
        """Attack, test what was found, and pull it back towards the clean input while it stays wrong.

        Raises:
            SpecError: x and y do not fit each other, or x leaves the model's valid range.
        """
        check_inputs(model, x, y)
        if not len(x):
            return MinimumNormResult(x=x, distances=np.zeros(0, np.float32))
        low, high = model.input_range
        found = np.clip(self.run(model, x, y, norm, rng=rng), low, high).astype(np.float32)
        wrong = is_broken(model.logits(found), y)
        rows = np.flatnonzero(wrong)
        nearest = x.copy()
        nearest[rows] = _pulled_back(model, found[rows], x[rows], y[rows])
        lengths = np.full(len(x), np.inf, np.float32)
        lengths[rows] = distances(nearest[rows], x[rows], norm)
        return MinimumNormResult(x=nearest, distances=lengths)


def _pulled_back(model: Classifier, found: Inputs, x: Inputs, y: Labels) -> Inputs:
    """Return the nearest wrong prediction that halving the line to the clean input meets; `found` is wrong."""
    right, wrong = np.zeros(len(x), np.float32), np.ones(len(x), np.float32)
    nearest = found.copy()
    for _ in range(_HALVINGS if len(x) else 0):
        middle = (right + wrong) * np.float32(0.5)
        tried = x + per_example(middle, x) * (found - x)
        broken = is_broken(model.logits(tried), y)
        nearest[broken] = tried[broken]
        wrong, right = np.where(broken, middle, wrong), np.where(broken, right, middle)
    return nearest
