"""The front end against an implementation in NumPy and SciPy, its gradients, and the official samples."""

import os
from pathlib import Path

import numpy as np
import pytest
from scipy.fft import dct

from search.data.input_grid import InputGrid
from search.data.mfcc import features, mfcc, standardized
from search.data.sound import FRONT_END, SOUND_GRID, SOUND_RANGE, Sound
from search.runtime import tf
from tests.search.data.speech_builders import tone

OFFICIAL_STEP, OFFICIAL_ZERO = 0.58470, 83
COMMON = ("down", "go", "left", "right", "up")


def to_mel(hertz):
    return 1127.0 * np.log(1.0 + hertz / 700.0)


def mel_filters() -> np.ndarray:
    """Return triangles in mel between 20 and 4000 Hz.  # [257, 40]"""
    bins = to_mel(np.linspace(0.0, 8000.0, 257))
    edges = np.linspace(to_mel(20.0), to_mel(4000.0), 42)
    rising = (bins[:, None] - edges[None, :-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[None, 2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    filters = np.maximum(0.0, np.minimum(rising, falling))
    filters[0] = 0.0  # no constant part
    return filters


def reference(samples: np.ndarray) -> np.ndarray:
    """Return the coefficients of one recording, step by step.  # [49, 10]"""
    x = samples / samples.max()
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(480) / 480)
    frames = np.stack([x[320 * index : 320 * index + 480] * window for index in range(49)])
    mels = np.abs(np.fft.rfft(frames, 512)) @ mel_filters()
    return dct(np.log(mels + 1e-6), type=2)[:, :10] / np.sqrt(2 * 40)


def recording(hertz=500.0, seed=0) -> np.ndarray:
    return np.rint(20_000 * tone(hertz, seed=seed)).astype(np.int16)


def test_coefficients_are_those_of_an_independent_implementation():
    recordings = np.stack([recording(300), recording(700, seed=1)])
    expected = np.stack([reference(samples.astype(float)) for samples in recordings])
    assert features(recordings).shape == (2, 49, 10)
    np.testing.assert_allclose(features(recordings), expected, atol=1e-9)


def test_single_precision_differs_little():
    samples = recording()[None]
    single = mfcc(tf.constant(samples, tf.float32)).numpy()
    np.testing.assert_allclose(single, features(samples), atol=2e-3)


def test_loudness_has_no_influence():
    samples = tf.constant(recording()[None], tf.float64)
    np.testing.assert_allclose(mfcc(samples / 7.0).numpy(), mfcc(samples).numpy(), atol=1e-9)


def test_silence_without_a_sample_is_finite():
    values = features(np.zeros((1, 16_000), np.int16))
    assert values[0, 0, 0] == pytest.approx(np.log(1e-6) * 80 / np.sqrt(80))
    np.testing.assert_allclose(values[..., 1:], 0.0, atol=1e-9)


def sound() -> Sound:
    return Sound(
        labels=("a", "b"),
        mean=tuple(float(value) for value in range(10)),
        deviation=tuple(1.0 + 0.5 * index for index in range(10)),
        train_waveforms=lambda positions: np.zeros((len(positions), 16_000), np.int16),
        test_waveforms=lambda positions: np.zeros((len(positions), 16_000), np.int16),
    )


def test_inputs_are_standardized_and_lie_on_the_grid_of_the_device():
    samples = recording()[None]
    x = standardized(tf.constant(samples, tf.float64), sound(), SOUND_GRID).numpy()
    assert x.shape == (1, 49, 10, 1)
    expected = (features(samples) - np.arange(10)) / (1 + 0.5 * np.arange(10))
    inside = np.abs(expected) < SOUND_RANGE[1]
    assert np.abs(x[..., 0] - expected)[inside].max() <= SOUND_GRID.scale / 2 + 1e-9
    codes = SOUND_GRID.codes(x.astype(np.float32))
    np.testing.assert_array_equal(SOUND_GRID.values(codes), x.astype(np.float32))
    assert (x.min(), x.max()) >= SOUND_RANGE or x.min() >= SOUND_RANGE[0]


def test_gradient_agrees_with_finite_differences():
    samples = tf.constant(recording()[None], tf.float64)
    direction = np.random.default_rng(1).standard_normal(samples.shape)
    weights = np.random.default_rng(2).standard_normal((1, 49, 10))

    def value(x):
        return tf.reduce_sum(mfcc(x) * weights)

    with tf.GradientTape() as tape:
        tape.watch(samples)
        total = value(samples)
    slope = float(tf.reduce_sum(tape.gradient(total, samples) * direction))
    step = 1e-3
    difference = float(value(samples + step * direction) - value(samples - step * direction)) / (2 * step)
    assert slope == pytest.approx(difference, rel=1e-5)


def test_gradient_passes_the_rounding_but_not_the_ends_of_the_grid():
    samples = tf.constant(recording()[None], tf.float64)

    def slope(grid):
        with tf.GradientTape() as tape:
            tape.watch(samples)
            total = tf.reduce_sum(standardized(samples, sound(), grid))
        return float(tf.reduce_max(tf.abs(tape.gradient(total, samples))))

    assert slope(SOUND_GRID) > 0
    assert slope(InputGrid(scale=1e-9, zero_point=128)) == 0


def _interpreter():
    interpreter_module = pytest.importorskip("ai_edge_litert.interpreter")
    model = Path(os.environ["SEARCH_DATA_DIR"]) / "mlcommons_tiny" / "kws_ref_model.tflite"
    interpreter = interpreter_module.Interpreter(str(model))
    interpreter.allocate_tensors()
    return interpreter


def _predictions(interpreter, codes):
    inputs, outputs = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    predicted = []
    for x in codes:
        interpreter.set_tensor(inputs, x[None, ..., None])
        interpreter.invoke()
        predicted.append(int(interpreter.get_tensor(outputs)[0].argmax()))
    return np.array(predicted)


@pytest.fixture(scope="module")
def official():
    """Return codes, labels and names of the 1,000 official samples."""
    with np.load(Path(os.environ["SEARCH_DATA_DIR"]) / "mlcommons_tiny" / "kws01.npz") as stored:
        return stored["x"], stored["y"], [str(name).lower() for name in stored["labels"]]


@pytest.fixture(scope="module")
def spoken():
    """Return coefficients and words of the held-out real recordings of the common keywords."""
    from search.data.speech_commands import _features
    from search.data.speech_folder import Kind, Part, clips_of

    parts = clips_of(Path(os.environ["SEARCH_DATA_DIR"]) / "speech_commands", COMMON)
    clips = [
        clip
        for part in (Part.TEST, Part.VALIDATION)
        for clip in parts[part]
        if clip.kind is Kind.WORD and clip.label < len(COMMON)
    ]
    return _features(clips), np.array([clip.label for clip in clips])


@pytest.mark.realdata
def test_features_have_the_scale_of_the_official_ones(official, spoken):
    codes, labels, names = official
    common = np.isin(labels, [names.index(word) for word in COMMON])
    theirs = (codes[common].astype(float) - OFFICIAL_ZERO) * OFFICIAL_STEP
    ours, _ = spoken
    deviation = theirs.std(axis=(0, 1))
    # The official samples are rounded down on their coarse grid of 0.58, and louder rooms differ in c0.
    assert np.abs(ours.mean(axis=(0, 1)) - theirs.mean(axis=(0, 1))).max() < 0.6 * OFFICIAL_STEP + 0.15 * deviation[0]
    np.testing.assert_allclose(ours.std(axis=(0, 1)), deviation, rtol=0.12)


@pytest.mark.realdata
def test_reference_model_recognizes_our_features_of_real_recordings(official, spoken):
    codes, labels, names = official
    interpreter = _interpreter()
    theirs = float((_predictions(interpreter, codes) == labels).mean())
    assert theirs == pytest.approx(0.902, abs=0.005)
    ours, words = spoken
    own_codes = np.clip(np.rint(ours / OFFICIAL_STEP + OFFICIAL_ZERO), -128, 127).astype(np.int8)
    expected = np.array([names.index(word) for word in COMMON])[words]
    assert float((_predictions(interpreter, own_codes) == expected).mean()) > theirs - 0.02


def test_constants_are_those_of_thirty_milliseconds_every_twenty():
    assert (FRONT_END.frames, FRONT_END.window, FRONT_END.stride) == (49, 480, 320)
