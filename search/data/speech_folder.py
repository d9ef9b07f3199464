"""A folder in the layout of Speech Commands: which recording has which class and belongs to which part.

Source: Warden 2018, arXiv 1804.03209.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from search.data.recordings import SUFFIXES, length_s, read_second, room_noise
from spaces.errors import DataError

NOISE_FOLDER = "_background_noise_"
SILENCE, UNKNOWN = "silence", "unknown"
_LISTS = {"validation": "validation_list.txt", "test": "testing_list.txt"}
_VALIDATION_NOISE = "running_tap"  # as TensorFlow Datasets has it, which MLCommons/Tiny loads
_NOISE_STEP_S = 0.5
_WORDS_PER_SILENCE = 10
_BUCKETS = 2**27 - 1  # of the official hash
_PERCENT = 10.0  # of the speakers, for validation and for testing


class Part(StrEnum):
    """The parts of the data."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


class Kind(StrEnum):
    """What is read from a clip's file: the word, a second of noise, or the room noise around a word."""

    WORD = "word"
    NOISE = "noise"
    ROOM = "room"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """One example.

    Attributes:
        path: its file.
        label: number of its class.
        kind: what is read from the file.
        start_s: where in the file it begins.
    """

    path: Path
    label: int
    kind: Kind = Kind.WORD
    start_s: float = 0.0

    def read(self) -> NDArray[np.int16]:
        """Return its samples: one second at 16 kHz.

        Raises:
            DataError: the file cannot be read.
        """
        return room_noise(self.path) if self.kind is Kind.ROOM else read_second(self.path, start_s=self.start_s)


# Where each part of a file of noise ends, as a fraction of its length.
_TAP_SPANS = ((1.0, Part.VALIDATION),)
_SPANS_BESIDE_TAP = ((0.8, Part.TRAIN), (1.0, Part.TEST))
_SPANS = ((0.6, Part.TRAIN), (0.8, Part.VALIDATION), (1.0, Part.TEST))


def labels_of(keywords: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the classes in MLCommons/Tiny's order: the keywords, silence, unknown."""
    return (*keywords, SILENCE, UNKNOWN)


def has_noise(folder: Path) -> bool:
    """Return whether the folder has recordings of background noise."""
    return any(_recordings(folder / NOISE_FOLDER))


def clips_of(folder: Path, keywords: Sequence[str]) -> dict[Part, list[Clip]]:
    """Return the examples of each part in a fixed order: words by folder and name, then silence.

    Args:
        folder: a folder for each word; the official lists say which recordings validate and test, and where there are
            none, the official hash of the speaker does.
        keywords: words that are classes of their own.

    Raises:
        DataError: a keyword has no recordings, a list cannot be read, or the background noise is too short.
    """
    labels = labels_of(keywords)
    parts: dict[Part, list[Clip]] = {part: [] for part in Part}
    listed = _listed(folder)
    words = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(("_", ".")))
    missing = [word for word in keywords if not any(_recordings(folder / word))]
    if missing:
        raise DataError(
            f"{folder} has no recordings of the keywords {', '.join(missing)}; it has {', '.join(words) or 'no words'}."
        )
    for word in words:
        label = labels.index(word if word in keywords else UNKNOWN)
        for path in _recordings(folder / word):
            part = _hashed_part(path) if listed is None else listed.get(f"{word}/{path.stem}", Part.TRAIN)
            parts[part].append(Clip(path=path, label=label))
    silence = labels.index(SILENCE)
    noise = _noise_clips(folder, silence) if has_noise(folder) else _room_clips(parts, silence)
    for part, clips in noise.items():
        parts[part] += clips
    return parts


def _listed(folder: Path) -> dict[str, Part] | None:
    """Return word/name -> part as the official lists have it; None where the folder has no list."""
    paths = {part: folder / name for part, name in _LISTS.items() if (folder / name).is_file()}
    if not paths:
        return None
    # Without suffix: recordings that were packed losslessly are the same recordings.
    return {
        str(Path(line.strip()).with_suffix("").as_posix()): Part(part)
        for part, path in paths.items()
        for line in _read_list(path)
        if line.strip()
    }


def _read_list(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as a list of recordings ({error}); replace or remove it.") from error


def _hashed_part(path: Path) -> Part:
    """Return the part by the published rule, `which_set`: a speaker's recordings stay together."""
    speaker = path.name.partition("_nohash_")[0]
    digest = int(hashlib.sha1(speaker.encode(), usedforsecurity=False).hexdigest(), 16)
    percent = digest % (_BUCKETS + 1) * (100.0 / _BUCKETS)
    if percent < _PERCENT:
        return Part.VALIDATION
    return Part.TEST if percent < 2 * _PERCENT else Part.TRAIN


def _noise_clips(folder: Path, label: int) -> dict[Part, list[Clip]]:
    """Return seconds of the background noise, every half second one.

    As with TensorFlow Datasets, the running tap validates and the other files train. Their last fifth tests: the
    official silence for testing is in an archive of its own.
    """
    clips: dict[Part, list[Clip]] = {part: [] for part in Part}
    paths = list(_recordings(folder / NOISE_FOLDER))
    taps = [path for path in paths if path.stem == _VALIDATION_NOISE]
    for path in paths:
        length = length_s(path)
        spans = _TAP_SPANS if path in taps else _SPANS_BESIDE_TAP if taps else _SPANS
        begin = 0.0
        for end, part in spans:
            starts = np.arange(begin * length, end * length - 1.0 + 1e-9, _NOISE_STEP_S)
            clips[part] += [Clip(path=path, label=label, kind=Kind.NOISE, start_s=float(start)) for start in starts]
            begin = end
    if not any(clips.values()):
        raise DataError(
            f"{folder / NOISE_FOLDER}: none of its {len(paths)} recordings is long enough for a second of silence in a "
            "part; add longer ones, or remove the folder, and silence is made from the room noise around words."
        )
    return clips


def _room_clips(parts: dict[Part, list[Clip]], label: int) -> dict[Part, list[Clip]]:
    """Return the room noise around every tenth word of each part, which stays in its part."""
    return {
        part: [Clip(path=clip.path, label=label, kind=Kind.ROOM) for clip in clips[::_WORDS_PER_SILENCE]]
        for part, clips in parts.items()
    }


def _recordings(folder: Path) -> Iterator[Path]:
    """Yield each recording once, in order; of one that is there in several forms the first."""
    if folder.is_dir():
        forms = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
        first = {path.stem: path for path in reversed(forms)}
        yield from reversed(first.values())
