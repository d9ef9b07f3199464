"""What the inputs of a data set of recordings are: front-end constants, scaling of each coefficient, the waveforms."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from search.data.input_grid import InputGrid

Waveforms: TypeAlias = NDArray[np.int16]  # [n, samples]


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontEnd:
    """Constants of the features; the defaults are those of MLCommons/Tiny's keyword spotting.

    Source: github.com/mlcommons/tiny, benchmark/training/keyword_spotting/get_dataset.py and kws_util.py.

    Attributes:
        sample_rate: samples in a second.
        samples: length of an input, one second.
        window, stride: of the short-time Fourier transform, in samples: 30 ms every 20 ms.
        fft_length: the window is padded with zeros to it.
        mel_bins, lowest_hertz, highest_hertz: of the mel filters, on magnitudes.
        log_offset: what is added before the logarithm.
        coefficients: of the cosine transform that are kept.
    """

    sample_rate: int = 16_000
    samples: int = 16_000
    window: int = 480
    stride: int = 320
    fft_length: int = 512
    mel_bins: int = 40
    lowest_hertz: float = 20.0
    highest_hertz: float = 4000.0
    log_offset: float = 1e-6
    coefficients: int = 10

    @property
    def frames(self) -> int:
        """Windows that lie in an input."""
        return 1 + (self.samples - self.window) // self.stride


FRONT_END = FrontEnd()
SAMPLE_RANGE = (-32768.0, 32767.0)  # of a recording

# Codes -128..127 of 1/24: 5.3 standard deviations to both sides hold all but 1 in 10,000 coefficients, and a step is no
# longer than the small radii of a study.
SOUND_GRID = InputGrid(scale=1 / 24, zero_point=128)
SOUND_RANGE = (-128 / 24, 127 / 24)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sound:
    """What stands behind features: an input is (coefficient - mean) / deviation, on the data's input grid.

    Attributes:
        labels: name of each class.
        mean, deviation: of each coefficient over the training part.  # [coefficients]
        train_waveforms, test_waveforms: read recordings of a part by their positions in it: [n] -> [n, samples].
        front_end: constants of the features.
    """

    labels: tuple[str, ...]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    train_waveforms: Callable[[NDArray[np.int64]], Waveforms]
    test_waveforms: Callable[[NDArray[np.int64]], Waveforms]
    front_end: FrontEnd = FRONT_END

    def of_training(self, rows: NDArray[np.int64]) -> "Sound":
        """Return the same with a training part of these rows of it alone, in their order."""
        return replace(self, train_waveforms=lambda positions: self.train_waveforms(rows[positions]))

    def describe(self) -> dict[str, Any]:
        """Return what a study stores of it, as plain JSON values: all that a device needs to make its inputs."""
        return {
            "labels": list(self.labels),
            "mean": list(self.mean),
            "deviation": list(self.deviation),
            "front_end": asdict(self.front_end),
        }
