"""The front end in TensorFlow: from a recording to its features, with gradients; the only place that computes them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.data.input_grid import InputGrid
from search.data.sound import FRONT_END, FrontEnd, Sound, Waveforms
from search.runtime import tf

_BATCH = 256
_LEAST_PEAK = 1e-9  # a recording without any sound is left as it is


def mfcc(waveforms: Any, front_end: FrontEnd = FRONT_END) -> Any:
    """Return the coefficients of recordings: [n, samples] -> [n, frames, coefficients], differentiable.

    A recording is divided by its largest sample first, as MLCommons/Tiny does, so its loudness has no influence and
    any unit of the samples will do. Then: Hann windows, magnitudes, mel filters, logarithm, cosine transform.

    Args:
        waveforms: float32 or float64 tensor; the result has its type.
        front_end: constants.
    """
    peak = tf.reduce_max(waveforms, axis=-1, keepdims=True)
    normalized = waveforms / tf.where(peak > _LEAST_PEAK, peak, tf.ones_like(peak))
    transformed = tf.signal.stft(
        normalized,
        frame_length=front_end.window,
        frame_step=front_end.stride,
        fft_length=front_end.fft_length,
        window_fn=tf.signal.hann_window,
    )
    filters = tf.signal.linear_to_mel_weight_matrix(
        front_end.mel_bins,
        front_end.fft_length // 2 + 1,
        front_end.sample_rate,
        front_end.lowest_hertz,
        front_end.highest_hertz,
        dtype=waveforms.dtype,
    )
    logarithms = tf.math.log(tf.tensordot(tf.abs(transformed), filters, 1) + front_end.log_offset)
    return tf.signal.mfccs_from_log_mel_spectrograms(logarithms)[..., : front_end.coefficients]


def features(waveforms: Waveforms, front_end: FrontEnd = FRONT_END) -> NDArray[np.float64]:
    """Return the coefficients of recordings, in float64 so that every machine finds the same codes.

    Args:
        waveforms: 16-bit samples.  # [n, samples]
        front_end: constants.

    Returns:
        [n, frames, coefficients]
    """
    parts = [
        mfcc(tf.constant(waveforms[begin : begin + _BATCH], tf.float64), front_end).numpy()
        for begin in range(0, len(waveforms), _BATCH)
    ]
    empty = np.zeros((0, front_end.frames, front_end.coefficients))
    return np.concatenate(parts) if parts else empty


def standardized(waveforms: Any, sound: Sound, grid: InputGrid) -> Any:
    """Return the model's inputs for recordings, [n, samples] -> [n, frames, coefficients, 1], on the input grid.

    Rounding to the grid's codes passes gradients as if it were not there; clipping to its ends does not.
    """
    mean, deviation = (tf.constant(values, waveforms.dtype) for values in (sound.mean, sound.deviation))
    scaled = (mfcc(waveforms, sound.front_end) - mean) / deviation
    codes = tf.clip_by_value(scaled / grid.scale, -grid.zero_point, 255 - grid.zero_point)
    rounded = codes + tf.stop_gradient(tf.round(codes) - codes)
    return (rounded * grid.scale)[..., tf.newaxis]
