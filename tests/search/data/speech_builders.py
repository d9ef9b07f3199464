"""Small folders in the layout of Speech Commands, made of tones under noise."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

RATE = 16_000
SPEAKERS = tuple(f"{number:08x}" for number in range(12))


def tone(hertz: float, *, rate: int = RATE, length_s: float = 1.0, noise: float = 0.02, seed: int = 0) -> np.ndarray:
    """Return a tone in the middle of quiet noise, in [-1, 1].  # [samples]"""
    time = np.arange(round(rate * length_s)) / rate
    rng = np.random.default_rng(seed)
    loudness = np.exp(-(((time - 0.5) / 0.15) ** 2))
    return 0.5 * loudness * np.sin(2 * np.pi * hertz * time) + noise * rng.standard_normal(len(time))


def write_speech_folder(
    folder: Path,
    *,
    words: Sequence[str] = ("down", "go", "zero"),
    speakers: Sequence[str] = SPEAKERS,
    suffix: str = ".wav",
    rate: int = RATE,
    lists: dict[str, Sequence[str]] | None = None,
    noise: Sequence[str] = (),
    noise_s: float = 10.0,
) -> Path:
    """Write a recording of every word by every speaker.

    Args:
        lists: file name -> speakers whose recordings it names.
        noise: names of background noise recordings.
    """
    for index, word in enumerate(words):
        (folder / word).mkdir(parents=True)
        for number, speaker in enumerate(speakers):
            samples = tone(300 + 200 * index, rate=rate, seed=100 * index + number)
            soundfile.write(folder / word / f"{speaker}_nohash_0{suffix}", samples, rate, subtype="PCM_16")
    for name, named in (lists or {}).items():
        lines = [f"{word}/{speaker}_nohash_0.wav" for word in words for speaker in named]
        (folder / name).write_text("\n".join(lines) + "\n")
    if noise:
        (folder / "_background_noise_").mkdir()
    for number, name in enumerate(noise):
        samples = 0.1 * np.random.default_rng(number).standard_normal(round(rate * noise_s))
        soundfile.write(folder / "_background_noise_" / f"{name}{suffix}", samples, rate, subtype="PCM_16")
    return folder
