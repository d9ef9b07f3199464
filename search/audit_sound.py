"""What an audit attacks where inputs are made from recordings: the recordings, in each norm on them."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from search.attacks.audit_suite import Target
from search.data.dataset import Dataset
from search.data.sound import SAMPLE_RANGE, Sound
from search.models.waveform_classifier import WaveformClassifier
from spaces.norms import Norm

_ROOM = 2.0  # samples of a recording of length 1 lie in [-1, 1]; what is added to them may lead beyond


def waveform_targets(target: Target, dataset: Dataset, sound: Sound, chosen: NDArray[np.int64]) -> dict[Norm, Target]:
    """Return what is attacked in the norms on recordings: the same examples, model and labels as in the others.

    In WAVEFORM, recordings are what they are, in steps of 16 bits, and every attack's result is rounded to such steps.
    In SNR, each is scaled to length 1, so that one radius is one ratio for all; the front end undoes the scale.

    Args:
        target: the model and its examples as features.
        dataset: the model's data.
        sound: how its features are made.
        chosen: positions of the examples in the test part.  # [n]
    """
    recordings = sound.test_waveforms(chosen).astype(np.float32)
    lengths = np.linalg.norm(recordings.astype(np.float64), axis=1, keepdims=True)
    scaled = (recordings / np.maximum(lengths, 1.0)).astype(np.float32)
    steps = WaveformClassifier(target.model, sound, dataset.input_grid, input_range=SAMPLE_RANGE, is_whole=True)
    ratio = WaveformClassifier(target.model, sound, dataset.input_grid, input_range=(-_ROOM, _ROOM), is_whole=False)
    return {
        Norm.WAVEFORM: replace(target, model=steps, x=recordings),
        Norm.SNR: replace(target, model=ratio, x=scaled),
    }
