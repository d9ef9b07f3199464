"""A classifier of features behind the front end: same predictions, gradients down to the samples, attacks that work."""

import numpy as np
import pytest

from search.attacks.base import ThreatModel, is_broken
from search.attacks.losses import Backward, Loss
from search.attacks.pgd import PGD
from search.data.mfcc import features
from search.data.sound import SOUND_GRID, Sound
from search.models.waveform_classifier import WaveformClassifier
from spaces.norms import Norm
from tests.search.attacks.linear_model import LinearModel
from tests.search.data.speech_builders import tone

N = 6


@pytest.fixture(scope="module")
def recordings():
    return np.stack([np.rint(8000 * tone(300 + 150 * index, seed=index)).astype(np.int16) for index in range(N)])


@pytest.fixture(scope="module")
def sound(recordings):
    values = features(recordings)
    return Sound(
        labels=("a", "b", "c"),
        mean=tuple(values.mean(axis=(0, 1))),
        deviation=tuple(values.std(axis=(0, 1))),
        train_waveforms=lambda positions: recordings[positions],
        test_waveforms=lambda positions: recordings[positions],
    )


@pytest.fixture(scope="module")
def inner():
    return LinearModel(0.02 * np.random.default_rng(3).standard_normal((490, 3)))


def classifier(inner, sound, *, is_whole=True):
    return WaveformClassifier(inner, sound, SOUND_GRID, input_range=(-32768.0, 32767.0), is_whole=is_whole)


def test_clean_recordings_give_the_codes_of_the_data(inner, sound, recordings):
    model = classifier(inner, sound)
    scaled = (features(recordings) - np.array(sound.mean)) / np.array(sound.deviation) / SOUND_GRID.scale
    expected = (np.clip(np.rint(scaled), -128, 127) * SOUND_GRID.scale).astype(np.float32)
    x = recordings.astype(np.float32)
    np.testing.assert_array_equal(model.features(x)[..., 0], expected)
    np.testing.assert_array_equal(model.logits(x), inner.logits(expected[..., None]))


def test_samples_between_steps_are_rounded(inner, sound, recordings):
    model, x = classifier(inner, sound), recordings.astype(np.float32)
    np.testing.assert_array_equal(model.features(x + 0.4), model.features(x))
    assert not np.array_equal(classifier(inner, sound, is_whole=False).features(x + 0.4), model.features(x))


def test_gradient_raises_the_loss(inner, sound, recordings):
    model = classifier(inner, sound, is_whole=False)
    x, y = recordings.astype(np.float32), inner_labels(model, recordings)
    logits, gradient = model.loss_gradient(x, y, loss=Loss.MARGIN, backward=Backward.SURROGATE)
    np.testing.assert_array_equal(logits, model.logits(x))
    moved, _ = model.loss_gradient(x + 8 * np.sign(gradient), y, loss=Loss.MARGIN, backward=Backward.SURROGATE)
    rows = np.arange(N)

    def margins(values):
        others = values.copy()
        others[rows, y] = -np.inf
        return others.max(axis=1) - values[rows, y]

    assert (margins(moved) > margins(logits)).all()


def inner_labels(model, recordings):
    return model.logits(recordings.astype(np.float32)).argmax(axis=1).astype(np.int64)


def test_attack_finds_whole_samples_within_its_radius(inner, sound, recordings):
    model, x = classifier(inner, sound), recordings.astype(np.float32)
    y = inner_labels(model, recordings)
    threat = ThreatModel(epsilon=256.0, norm=Norm.WAVEFORM.geometry)
    result = PGD(steps=10)(model, x, y, threat, rng=np.random.default_rng(0))
    assert result.is_broken.any()
    played = np.rint(result.x).astype(np.int16)
    assert np.abs(played.astype(int) - recordings).max() <= 256
    np.testing.assert_array_equal(is_broken(model.logits(played.astype(np.float32)), y), result.is_broken)


def test_no_recordings_are_no_logits(inner, sound):
    model, x = classifier(inner, sound), np.zeros((0, 16_000), np.float32)
    assert model.logits(x).shape == (0, 3)
    logits, gradient = model.loss_gradient(x, np.zeros(0, np.int64), loss=Loss.MARGIN, backward=Backward.SURROGATE)
    assert (logits.shape, gradient.shape) == ((0, 3), x.shape)
