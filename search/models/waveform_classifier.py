"""A classifier of features seen as one of recordings: the front end in front of it, gradients through both."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.attacks.base import Classifier, Inputs, Labels
from search.attacks.losses import Backward, Loss
from search.data.input_grid import InputGrid
from search.data.mfcc import standardized
from search.data.sound import Sound
from search.runtime import tf

_BATCH = 128


class WaveformClassifier:
    """Takes recordings [n, samples]; what the inner classifier gets are features on the data's input grid.

    The front end divides by the largest sample, so the unit of the samples is free.
    """

    def __init__(
        self,
        inner: Classifier,
        sound: Sound,
        grid: InputGrid,
        *,
        input_range: tuple[float, float],
        is_whole: bool,
    ) -> None:
        """Prepare the two functions of the front end; both are traced at their first call.

        Args:
            inner: classifier of features.
            sound, grid: of the data.
            input_range: bounds of valid samples.
            is_whole: whether samples are rounded to whole numbers before anything else, as a 16-bit recording has
                them; gradients pass the rounding.
        """
        self._inner = inner
        self._input_range = input_range
        self._sound, self._grid, self._is_whole = sound, grid, is_whole
        waveforms = tf.TensorSpec([None, sound.front_end.samples], tf.float32)
        upstream = tf.TensorSpec([None, sound.front_end.frames, sound.front_end.coefficients, 1], tf.float32)
        self._features = tf.function(self._forward, input_signature=[waveforms], autograph=False)
        self._pulled_back = tf.function(self._backward, input_signature=[waveforms, upstream], autograph=False)

    @property
    def input_range(self) -> tuple[float, float]:
        """Bounds of valid samples."""
        return self._input_range

    def features(self, x: Inputs) -> Inputs:
        """Return the features of recordings.  # [n, frames, coefficients, 1]"""
        front_end = self._sound.front_end
        if not len(x):
            return np.zeros((0, front_end.frames, front_end.coefficients, 1), np.float32)
        return np.concatenate([self._features(x[rows]).numpy() for rows in _chunks(len(x))])

    def logits(self, x: Inputs) -> NDArray[np.float32]:
        """Return logits.  # [n, n_classes]"""
        return self._inner.logits(self.features(x))

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
        logits, upstream = self._inner.loss_gradient(
            self.features(x), y, loss=loss, backward=backward, targets=targets, scale=scale
        )
        parts = [self._pulled_back(x[rows], upstream[rows]).numpy() for rows in _chunks(len(x))]
        return logits, np.concatenate(parts) if parts else np.zeros_like(x)

    def _forward(self, x: Any) -> Any:
        if self._is_whole:
            x = x + tf.stop_gradient(tf.round(x) - x)
        # In float64, as the data's features were computed: a clean recording gives the very codes of the data.
        return tf.cast(standardized(tf.cast(x, tf.float64), self._sound, self._grid), tf.float32)

    def _backward(self, x: Any, upstream: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            features = self._forward(x)
        return tape.gradient(features, x, output_gradients=upstream)


def _chunks(n: int) -> list[slice]:
    return [slice(begin, begin + _BATCH) for begin in range(0, n, _BATCH)]
