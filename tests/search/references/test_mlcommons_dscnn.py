"""MLCommons/Tiny's DS-CNN: official samples, TensorFlow's own run of the SavedModel, gradients by differences."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from search.attacks.losses import Backward, Loss
from search.data.dataset import Dataset, RawData
from search.data.sound import SOUND_GRID, SOUND_RANGE, FrontEnd, Sound
from search.data.splits import split
from search.references import mlcommons_dscnn
from search.references.mlcommons_dscnn import LABELS, raw_coefficients
from search.references.raw_inputs import RawClassifier
from search.runtime import tf
from spaces.errors import SpecError
from tests.search.references.builders import context_of
from tests.search.trained_digits import digits_dataset

MEAN, DEVIATION = (-17.0, 1.5, *[0.1] * 8), (23.0, 4.0, *[2.0] * 8)
STUDY = ("down", "go", "left", "right", "up", "silence", "unknown")
OFFICIAL_STEP, OFFICIAL_ZERO = 0.58470, 83


def spoken(labels: tuple[str, ...], *, front_end: FrontEnd | None = None) -> Dataset:
    """Return random inputs with the classes of a study."""
    rng = np.random.default_rng(0)
    y = np.arange(4 * len(labels)) % len(labels)
    x = rng.integers(-40, 40, (len(y), 49, 10, 1)).astype(np.int8)
    sound = Sound(
        labels=labels,
        mean=MEAN,
        deviation=DEVIATION,
        train_waveforms=lambda positions: np.zeros((len(positions), 16_000), np.int16),
        test_waveforms=lambda positions: np.zeros((len(positions), 16_000), np.int16),
    )
    raw = RawData(
        name="speech_commands",
        x_train=x,
        y_train=y,
        x_test=x,
        y_test=y,
        input_scale=SOUND_GRID.scale,
        input_range=SOUND_RANGE,
        n_classes=len(labels),
        image=False,
        input_grid=SOUND_GRID,
        sound=sound if front_end is None else replace(sound, front_end=front_end),
    )
    return split(raw, validation_examples=len(labels), attack_examples=len(labels), seed=0)


def official() -> tuple[np.ndarray, np.ndarray]:
    """Return the raw coefficients of the 1,000 official samples, and their labels."""
    with np.load(Path(os.environ["SEARCH_DATA_DIR"]) / "mlcommons_tiny" / "kws01.npz") as stored:
        assert tuple(str(name).lower() for name in stored["labels"]) == LABELS
        return (stored["x"].astype(np.float32)[..., None] - OFFICIAL_ZERO) * OFFICIAL_STEP, stored["y"]


def standardized(raw: np.ndarray) -> np.ndarray:
    return ((raw - np.array(MEAN)[:, None]) / np.array(DEVIATION)[:, None]).astype(np.float32)


def test_study_without_recordings_is_refused():
    with pytest.raises(SpecError, match=r"mlcommons-dscnn classifies recordings of words; the study's data are digits"):
        mlcommons_dscnn.load(context_of(digits_dataset()))


def test_keyword_that_the_model_does_not_know_is_refused():
    with pytest.raises(SpecError, match=r"has no class for eight; it knows down, go, .*, silence, unknown"):
        mlcommons_dscnn.load(context_of(spoken(("down", "eight", "silence", "unknown"))))


def test_other_features_are_refused():
    with pytest.raises(SpecError, match=r"takes the features of .*mel_bins=40.* made with .*mel_bins=20"):
        mlcommons_dscnn.load(context_of(spoken(STUDY, front_end=FrontEnd(mel_bins=20))))


def test_raw_coefficients_undo_the_study_s_scaling():
    sound = spoken(STUDY).sound
    x = np.ones((2, 49, 10, 1), np.float32)
    raw = raw_coefficients(sound).of(x)
    np.testing.assert_allclose(raw[0, 0, :, 0], np.array(MEAN) + np.array(DEVIATION), rtol=1e-6)
    assert raw.shape == x.shape


class Linear:
    """Two logits, the sum of all raw inputs and its negative; the loss is the first logit."""

    input_range = (-1.0, 1.0)

    def logits(self, x):
        total = x.sum(axis=(1, 2, 3))
        return np.stack([total, -total], axis=1)

    def loss_gradient(self, x, y, *, loss, backward, targets=None, scale=1.0):
        return self.logits(x), np.full_like(x, scale)


def test_gradient_goes_back_through_the_scaling():
    model = RawClassifier(Linear(), raw_coefficients(spoken(STUDY).sound), input_range=SOUND_RANGE)
    x = np.zeros((1, 49, 10, 1), np.float32)
    logits, gradient = model.loss_gradient(
        x, np.zeros(1, np.int64), loss=Loss.MARGIN, backward=Backward.SURROGATE, scale=2.0
    )
    assert logits[0, 0] == pytest.approx(49 * sum(MEAN), rel=1e-5)
    np.testing.assert_allclose(gradient[0, 0, :, 0], 2 * np.array(DEVIATION))
    assert model.input_range == SOUND_RANGE


@pytest.mark.realdata
def test_all_official_samples_are_classified_as_published():
    int8, float_model = mlcommons_dscnn.load(context_of(spoken(LABELS)))
    raw, labels = official()
    right = {
        loaded.model.name: (loaded.models().target.logits(standardized(raw)).argmax(axis=1) == labels).mean()
        for loaded in (int8, float_model)
    }
    assert right["mlcommons-dscnn"] == pytest.approx(0.902, abs=0.005)
    assert right["mlcommons-dscnn-float"] == pytest.approx(0.92, abs=0.02)
    assert float_model.model.size_bytes == 4 * 24_908


@pytest.mark.realdata
def test_float_answers_are_those_of_the_saved_model_run_by_tensorflow():
    _, loaded = mlcommons_dscnn.load(context_of(spoken(LABELS)))
    raw, _ = official()
    saved = tf.saved_model.load(str(Path(os.environ["SEARCH_DATA_DIR"]) / mlcommons_dscnn.MODEL_FOLDER))
    signature = saved.signatures["serving_default"]
    (probabilities,) = signature(tf.constant(raw)).values()
    logits = loaded.models().target.logits(standardized(raw)).astype(np.float64)
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    np.testing.assert_allclose(exponents / exponents.sum(axis=1, keepdims=True), probabilities.numpy(), atol=2e-4)


@pytest.mark.realdata
def test_restricted_model_gives_the_logits_of_the_classes_in_common():
    raw, _ = official()
    x = standardized(raw[:40])
    kept = [LABELS.index(label) for label in STUDY]
    for whole, restricted in zip(
        mlcommons_dscnn.load(context_of(spoken(LABELS))), mlcommons_dscnn.load(context_of(spoken(STUDY))), strict=True
    ):
        expected = whole.models().target.logits(x)[:, kept]
        np.testing.assert_allclose(restricted.models().target.logits(x), expected, atol=1e-4)
        assert restricted.model.size_bytes == whole.model.size_bytes
        assert restricted.model.source["classes left out"] == "no, off, on, stop, yes"


@pytest.mark.realdata
def test_gradients_of_both_models_are_the_float_network_s():
    int8, float_model = mlcommons_dscnn.load(context_of(spoken(STUDY)))
    raw, _ = official()
    x, y = standardized(raw[:4]), np.zeros(4, np.int64)
    settings = {"loss": Loss.CROSS_ENTROPY, "backward": Backward.SURROGATE}
    logits, gradient = float_model.models().target.loss_gradient(x, y, **settings)
    file_logits, transferred = int8.models().target.loss_gradient(x, y, **settings)
    np.testing.assert_allclose(transferred, gradient, rtol=1e-5, atol=1e-7)
    assert not np.array_equal(file_logits, logits)
    step = 1e-3 * np.sign(gradient)

    def loss(values: np.ndarray) -> np.ndarray:
        z = float_model.models().target.logits(values).astype(np.float64)
        return np.log(np.exp(z - z[:, :1]).sum(axis=1))

    rise = (loss(x + step) - loss(x - step)) / 2
    np.testing.assert_allclose(rise, (gradient * step).sum(axis=(1, 2, 3)), rtol=0.05, atol=1e-4)
