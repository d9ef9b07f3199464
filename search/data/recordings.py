"""One second of sound out of an audio file: WAV or FLAC, any sampling rate, any number of channels."""

import hashlib
import math
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from search.data.sound import FRONT_END
from spaces.errors import DataError

SUFFIXES = (".wav", ".flac")
_LARGEST = 32767
_UNKNOWN_LENGTH = 0xFFFFFF00  # from here on a RIFF header says that the file was written to a pipe
_QUIET_S, _GRAIN_S = 0.25, 0.04  # stretch that room noise is taken from, and length of its pieces


def read_second(path: Path, *, start_s: float = 0.0) -> NDArray[np.int16]:
    """Return a second of a file at 16 kHz, one channel; what is missing at its end is zero.

    A file at 16 kHz with one channel of 16 bits is returned sample for sample; channels are averaged, other rates go
    through a polyphase filter.

    Args:
        path: the file.
        start_s: where in the file the second begins.

    Raises:
        DataError: the file cannot be read, is cut off, is empty or holds what is no sound.
    """
    import soundfile
    from scipy.signal import resample_poly

    rate = FRONT_END.sample_rate
    _check_whole(path)
    try:
        with soundfile.SoundFile(path) as file:
            n_samples = file.frames
            file.seek(min(round(start_s * file.samplerate), n_samples))
            own_rate = int(file.samplerate)
            samples = file.read(own_rate, dtype="float64", always_2d=True).mean(axis=1)
    except (soundfile.SoundFileError, OSError) as error:
        raise _unreadable(path, error) from error
    if not n_samples:
        raise _unreadable(path, "it has no samples")
    if not np.isfinite(samples).all():
        raise _unreadable(path, "it has samples that are no finite numbers")
    if own_rate != rate:
        shared = math.gcd(rate, own_rate)
        samples = resample_poly(samples, rate // shared, own_rate // shared)
    second = np.zeros(FRONT_END.samples, np.int16)
    kept = samples[: len(second)]
    second[: len(kept)] = np.clip(np.rint(kept * (_LARGEST + 1)), -_LARGEST - 1, _LARGEST)
    return second


def length_s(path: Path) -> float:
    """Return how long a file is, in seconds.

    Raises:
        DataError: the file cannot be read.
    """
    import soundfile

    try:
        return float(soundfile.info(path).duration)
    except (soundfile.SoundFileError, OSError) as error:
        raise _unreadable(path, error) from error


def room_noise(path: Path) -> NDArray[np.int16]:
    """Return a second of the noise that a recording was made in, without its word.

    Pieces of 40 ms from random places of the quietest quarter of a second are laid over each other, half by half,
    under Hann windows: noise of the same loudness and colour, without a repetition that could be heard. The places
    follow from the file's name.

    Raises:
        DataError: the file cannot be read.
    """
    samples = read_second(path).astype(np.float64)
    length, grain = (round(seconds * FRONT_END.sample_rate) for seconds in (_QUIET_S, _GRAIN_S))
    quiet = _quietest(samples, length, step=grain)
    seed = int.from_bytes(hashlib.sha256(path.stem.encode()).digest()[:8], "big")
    rng = np.random.default_rng(seed)
    window = np.sqrt(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(grain) / grain))  # squares of two halves add up to 1
    noise = np.zeros(len(samples) + 2 * grain)
    for begin in range(0, len(samples) + grain, grain // 2):
        start = int(rng.integers(0, length - grain + 1))
        noise[begin : begin + grain] += window * quiet[start : start + grain]
    kept = noise[grain : grain + len(samples)]
    second: NDArray[np.int16] = np.clip(np.rint(kept), -_LARGEST - 1, _LARGEST).astype(np.int16)
    return second


def _check_whole(path: Path) -> None:
    """Check that a WAV file is as long as its header says: libsndfile reads a cut one without a word.

    Raises:
        DataError: it is shorter, or cannot be opened.
    """
    try:
        size, head = path.stat().st_size, path.open("rb")
        with head:
            kind, declared = struct.unpack("<4sI", head.read(8).ljust(8, b"\0"))
    except OSError as error:
        raise _unreadable(path, error) from error
    if kind == b"RIFF" and declared < _UNKNOWN_LENGTH and declared + 8 > size:
        raise _unreadable(path, f"it is cut off: {size:,} of {declared + 8:,} bytes")


def _unreadable(path: Path, reason: object) -> DataError:
    return DataError(f"{path}: cannot be read as a recording ({reason}); replace or remove it.")


def _quietest(samples: NDArray[np.float64], length: int, *, step: int) -> NDArray[np.float64]:
    """Return the stretch with the least power among those that are not plain zeros (padding)."""
    begins = range(0, len(samples) - length + 1, step)
    stretches = [samples[begin : begin + length] for begin in begins]
    heard = [stretch for stretch in stretches if np.count_nonzero(stretch) > length // 2]
    quiet = min(heard or stretches, key=lambda stretch: float(np.square(stretch - stretch.mean()).sum()))
    centered: NDArray[np.float64] = quiet - quiet.mean()
    return centered
