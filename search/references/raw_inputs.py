"""Networks that take other inputs than the study's: published ones were made for raw pixels or raw coefficients."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.attacks.base import Classifier, Inputs, Labels
from search.attacks.losses import Backward, Loss


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RawUnits:
    """How a network's own inputs follow from the study's: x * factor + offset.

    Attributes:
        factor, offset: numbers, or arrays that broadcast against one input.
    """

    factor: NDArray[np.float32] | np.float32
    offset: NDArray[np.float32] | np.float32

    def of(self, x: Inputs) -> Inputs:
        """Return what the network takes, like x."""
        raw: Inputs = x * self.factor + self.offset
        return raw


AS_THEY_ARE = RawUnits(factor=np.float32(1.0), offset=np.float32(0.0))
PIXELS = RawUnits(factor=np.float32(255.0), offset=np.float32(0.0))  # of inputs in [0, 1]


class RawClassifier:
    """A network behind the step from the study's inputs to its own, gradients included."""

    def __init__(self, inner: Classifier, units: RawUnits, *, input_range: tuple[float, float]) -> None:
        """Put the step in front.

        Args:
            inner: takes raw inputs.
            units: of its inputs.
            input_range: bounds of the study's inputs.
        """
        self._inner, self._units, self._input_range = inner, units, input_range

    @property
    def input_range(self) -> tuple[float, float]:
        """Bounds of valid inputs."""
        return self._input_range

    def logits(self, x: Inputs) -> NDArray[np.float32]:
        """Return logits.  # [n, n_classes]"""
        return self._inner.logits(self._units.of(x))

    def loss_gradient(
        self,
        x: Inputs,
        y: Labels,
        *,
        loss: Loss,
        backward: Backward,
        targets: Labels | None = None,
        scale: float = 1.0,
    ) -> tuple[NDArray[np.float32], Inputs]:
        """Return logits [n, n_classes] and the gradient of each example's loss of scaled logits by x, like x."""
        raw = self._units.of(x)
        logits, gradient = self._inner.loss_gradient(raw, y, loss=loss, backward=backward, targets=targets, scale=scale)
        return logits, gradient * self._units.factor
