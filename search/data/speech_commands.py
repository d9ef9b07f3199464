"""Finding Speech Commands (`--data-dir`, SEARCH_DATA_DIR, the cache, the official address) and making features of it.

Source: Warden 2018, arXiv 1804.03209; CC BY 4.0.
"""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from search.data.dataset import RawData
from search.data.download import PublishedFile, check_published, fetch
from search.data.keras_cache import keras_datasets_folder
from search.data.roots import DATA_DIR_VARIABLE, search_roots
from search.data.sound import SOUND_GRID, SOUND_RANGE, Sound, Waveforms
from search.data.speech_folder import NOISE_FOLDER, Clip, Part, clips_of, has_noise, labels_of
from search.data.unpack import unpack
from spaces.errors import DataError

_LOG = logging.getLogger(__name__)

MLCOMMONS_KEYWORDS = ("down", "go", "left", "no", "off", "on", "right", "stop", "up", "yes")
FOLDERS = ("speech_commands", "speech_commands_v0.02", "speech_commands_v0.01")
PUBLISHED = PublishedFile(  # size and checksum as TensorFlow Datasets publishes them
    url="https://storage.googleapis.com/download.tensorflow.org/data/speech_commands_v0.02.tar.gz",
    size_bytes=2_428_923_189,
    sha256="af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58",
)
_CHUNK = 1024  # recordings held as waveforms at a time
_DIGITS = 6  # of means and deviations: no machine's last bit gets into the data


def load_speech_commands(
    data_dir: Path | None,
    *,
    keywords: Sequence[str] = MLCOMMONS_KEYWORDS,
    download: Callable[[Path], Path] = lambda folder: fetch(PUBLISHED, folder),
) -> RawData:
    """Return the features of Speech Commands from the first place that has it.

    The classes are the keywords, silence and unknown, which all other words are. The official validation recordings
    are the ones that a study holds out.

    Args:
        data_dir: the folder that `--data-dir` names.
        keywords: words that are classes of their own.
        download: puts the official archive into a folder and returns it.

    Raises:
        DataError: no place has it, a keyword has no recordings, or a file is damaged.
    """
    return read_speech_folder(find_speech_folder(data_dir, download=download), keywords)


def read_speech_folder(folder: Path, keywords: Sequence[str]) -> RawData:
    """Return the features of a folder in the layout of Speech Commands; reading takes minutes for all of it.

    Raises:
        DataError: a keyword has no recordings, a part lacks a class, or a file is damaged.
    """
    parts = clips_of(folder, keywords)
    _check_parts(parts, folder, labels_of(keywords))
    coefficients = {part: _features(clips) for part, clips in parts.items()}
    mean, deviation = _statistics(coefficients[Part.TRAIN])
    codes = {part: _codes(values, mean, deviation) for part, values in coefficients.items()}
    labels = {part: np.array([clip.label for clip in clips], np.int64) for part, clips in parts.items()}
    n_train, n_validation = len(parts[Part.TRAIN]), len(parts[Part.VALIDATION])
    silence = "" if has_noise(folder) else "; silence is room noise from around the words, for want of noise recordings"
    n_all = sum(len(clips) for clips in parts.values())
    return RawData(
        name="speech_commands",
        x_train=np.concatenate([codes[Part.TRAIN], codes[Part.VALIDATION]]),
        y_train=np.concatenate([labels[Part.TRAIN], labels[Part.VALIDATION]]),
        x_test=codes[Part.TEST],
        y_test=labels[Part.TEST],
        input_scale=SOUND_GRID.scale,
        input_range=SOUND_RANGE,
        n_classes=len(keywords) + 2,
        image=False,
        note=f"{n_all:,} seconds of Speech Commands, keywords {', '.join(keywords)}{silence}",
        input_grid=SOUND_GRID,
        validation=np.arange(n_train + n_validation) >= n_train,
        sound=Sound(
            labels=labels_of(keywords),
            mean=tuple(mean.tolist()),
            deviation=tuple(deviation.tolist()),
            train_waveforms=_reader([*parts[Part.TRAIN], *parts[Part.VALIDATION]]),
            test_waveforms=_reader(parts[Part.TEST]),
        ),
    )


def read_clips(clips: Sequence[Clip]) -> Waveforms:
    """Return the samples of clips.  # [n, samples]

    Raises:
        DataError: a file is damaged.
    """
    return np.stack([clip.read() for clip in clips])


def _reader(clips: Sequence[Clip]) -> Callable[[NDArray[np.int64]], Waveforms]:
    return lambda positions: read_clips([clips[int(index)] for index in positions])


def _features(clips: Sequence[Clip]) -> NDArray[np.float64]:
    """Return raw coefficients.  # [n, frames, coefficients]"""
    # Here, because it comes with TensorFlow.
    from search.data.mfcc import features

    chunks = [clips[begin : begin + _CHUNK] for begin in range(0, len(clips), _CHUNK)]
    return np.concatenate([features(read_clips(chunk)) for chunk in chunks])


def _statistics(coefficients: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and standard deviation of each coefficient, over recordings and frames."""
    mean = coefficients.mean(axis=(0, 1)).round(_DIGITS)
    deviation = coefficients.std(axis=(0, 1)).round(_DIGITS)
    if not (deviation > 0).all():
        raise DataError("a coefficient is the same in all recordings: the training part holds no sound.")
    return mean, deviation


def _codes(
    coefficients: NDArray[np.float64], mean: NDArray[np.float64], deviation: NDArray[np.float64]
) -> NDArray[np.int8]:
    """Return signed 8-bit codes of standardized coefficients.  # [n, frames, coefficients, 1]"""
    scaled = np.rint((coefficients - mean) / deviation / SOUND_GRID.scale)
    codes: NDArray[np.int8] = np.clip(scaled, -128, 127).astype(np.int8)[..., np.newaxis]
    return codes


def _check_parts(parts: dict[Part, list[Clip]], folder: Path, labels: Sequence[str]) -> None:
    """Check that every part has an example of every class."""
    for part, clips in parts.items():
        if not clips:
            raise DataError(
                f"{folder}: no recording belongs to the {part} part; its lists, validation_list.txt and "
                "testing_list.txt, or more speakers would put some there."
            )
        there = {clip.label for clip in clips}
        missing = [label for number, label in enumerate(labels) if number not in there]
        if missing:
            raise DataError(
                f"{folder}: no example of {', '.join(missing)} is in the {part} part. Recordings of more speakers, "
                "or lists (validation_list.txt and testing_list.txt) would put some there; of silence longer "
                f"recordings in {NOISE_FOLDER}, or none at all."
            )


def find_speech_folder(data_dir: Path | None, *, download: Callable[[Path], Path]) -> Path:
    """Return the first folder that has recordings; an archive that is found is unpacked into the cache.

    Raises:
        DataError: there is none, and the download brings none.
    """
    cache = keras_datasets_folder()
    roots = [*search_roots(data_dir), cache]
    unpacked = cache / FOLDERS[1]
    for root in roots:
        for folder in (root, *(root / name for name in FOLDERS)):
            if _is_speech_folder(folder):
                return folder
        archive = root / PUBLISHED.name
        if archive.is_file():
            if not unpacked.is_dir():  # else its 2.4 GB were checked before
                check_published(archive, PUBLISHED)
            return unpack(archive, unpacked)
    _LOG.info("Speech Commands is in none of the folders; it is downloaded to %s", cache)
    tried = "; ".join(f"{root} (no {', '.join(FOLDERS)}, no {PUBLISHED.name})" for root in roots)
    try:
        return unpack(download(cache), unpacked)
    except DataError as error:
        raise DataError(
            f"Speech Commands was not found. Tried: {tried}; {str(error).rstrip('.')}. Put {PUBLISHED.name} from "
            f"{PUBLISHED.url}, or a folder for each word under {FOLDERS[0]}, into a folder and name the folder by "
            f"--data-dir or {DATA_DIR_VARIABLE}."
        ) from error


def _is_speech_folder(folder: Path) -> bool:
    """Return whether a folder has one of the official lists, or recordings by speaker in folders of words."""
    if not folder.is_dir():
        return False
    if (folder / "testing_list.txt").is_file():
        return True
    return any("_nohash_" in path.name for path in folder.glob("*/*_nohash_*"))
