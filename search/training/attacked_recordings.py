"""Training on recordings that are attacked in one step, through the front end and the network as it stands.

A ball around features says little about one around the recording: a few steps of 16 bits move the logarithm of a quiet
frame's energy by many standard deviations.
"""

import logging
from collections.abc import Iterator
from typing import Any

import numpy as np

from search.data.dataset import Dataset, Examples, Inputs
from search.data.mfcc import standardized
from search.data.pipeline import batch_rows
from search.data.sound import SAMPLE_RANGE, Sound, Waveforms
from search.models.network import Network
from search.runtime import tf
from search.training.single_step import single_step, training_loss

_LOG = logging.getLogger(__name__)

_START_SEED = (0x50D, 0)  # keeps these starts apart from those in the features


class TrainingRecordings:
    """The recordings of a training part, held in memory: 32 kB each.

    Attributes:
        sound, grid: how features are made of them, and the codes they lie on.
        waveforms: their samples.  # [n, samples]
        y: labels.  # [n]
    """

    def __init__(self, dataset: Dataset, sound: Sound) -> None:
        """Read them all.

        Raises:
            DataError: a file is gone or damaged by now.
        """
        self.sound, self.grid, self.y = sound, dataset.input_grid, dataset.train.y
        _LOG.info("reading the %s recordings that training attacks", f"{len(self.y):,}")
        self.waveforms = sound.train_waveforms(np.arange(len(dataset.train)))


class AttackedRecordings:
    """The training recordings' features under attack; one for each network."""

    def __init__(self, network: Network, recordings: TrainingRecordings, *, epsilon: int) -> None:
        """Prepare; nothing is traced yet.

        Args:
            network: that is trained, with its present weights whenever a batch is asked for.
            recordings: of the training part.
            epsilon: largest L-inf radius, in steps of 16 bits.
        """
        self._network, self._recordings, self._epsilon = network, recordings, epsilon
        self._attack = tf.function(self._attacked, autograph=False, reduce_retracing=True)

    def batches(
        self, *, batch_size: int, seed: int, epoch: int, shift_frames: int, quantized: bool
    ) -> Iterator[Examples]:
        """Return the batches of one epoch; each recording comes at most once, and no short batch.

        Order, moves in time, radii and starts follow from `seed` and `epoch`, the attacks from the weights too: every
        batch is attacked when it is asked for.

        Args:
            batch_size: recordings in a batch.
            seed: the trial's seed.
            epoch: number of the epoch.
            shift_frames: move every recording by up to so many frames to and fro; what leaves at one end comes in at
                the other.
            quantized: whether the network is attacked as it is deployed, or as a float network.

        Raises:
            DataError: there is no whole batch.
        """
        rng = np.random.default_rng([seed, epoch])
        stride, n = self._recordings.sound.front_end.stride, len(self._recordings.y)
        for index, rows in enumerate(batch_rows(n, rng, batch_size=batch_size)):
            moves = stride * rng.integers(-shift_frames, shift_frames + 1, size=len(rows))
            moved = moved_in_time(self._recordings.waveforms[rows], moves)
            # Small radii as often as large ones, and never less than one step.
            radii = np.exp(rng.uniform(0.0, np.log(self._epsilon), size=len(rows)))
            draw = tf.constant([seed, epoch * (n // batch_size) + index], tf.int32) + _START_SEED
            y = self._recordings.y[rows]
            x: Inputs = self._attack(moved, y, radii.astype(np.float32), draw, quantized).numpy()
            yield Examples(x, y)

    def _attacked(self, waveforms: Any, y: Any, radii: Any, seed: Any, quantized: bool) -> Any:
        """Return the features of recordings, each moved by one step from a random start in its ball."""
        clean = tf.cast(waveforms, tf.float32)
        moved = single_step(
            clean,
            lambda start: training_loss(self._network, self._features(start), y, quantized=quantized),
            radius=radii[:, tf.newaxis],
            noise=tf.random.stateless_uniform(tf.shape(clean), seed, -1.0, 1.0),
            valid_range=SAMPLE_RANGE,
        )
        return self._features(tf.round(moved))

    def _features(self, waveforms: Any) -> Any:
        return standardized(waveforms, self._recordings.sound, self._recordings.grid)


def moved_in_time(waveforms: Waveforms, moves: Any) -> Waveforms:
    """Return recordings, each turned by its own number of samples.  # [n, samples]"""
    turned = (np.arange(waveforms.shape[1]) - np.asarray(moves)[:, np.newaxis]) % waveforms.shape[1]
    return np.take_along_axis(waveforms, turned, axis=1)
