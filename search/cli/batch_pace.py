"""How long a batch of the present training takes."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from search.cli.durations import left_text, rate_text

if TYPE_CHECKING:  # comes with TensorFlow, which takes seconds to import
    from search.training.fit import FitProgress


class BatchPace:
    """Times the batches of one training after another; each may go on from a later epoch than the first."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Read a clock, which gives seconds."""
        self._clock = clock
        self._quantized: bool | None = None
        self._began = (0, 0.0)  # batches that were behind after the first one here, and when that was

    def begin(self) -> None:
        """Go on to another training."""
        self._quantized = None

    def seconds_each(self, progress: "FitProgress") -> float | None:
        """Return the mean since the first batch here, in which the network is traced; None at that batch.

        A candidate's training after its float parent's is another training.
        """
        now, done = self._clock(), batches_done(progress)
        if self._quantized != progress.quantized:
            self._quantized = progress.quantized
            self._began = done, now
        first, began_s = self._began
        return (now - began_s) / (done - first) if done > first else None

    def note(self, progress: "FitProgress") -> str:
        """Return batches a second and the time left, as the end of a line; nothing at the first and the last batch."""
        seconds_each, left = self.seconds_each(progress), progress.epochs * progress.batches - batches_done(progress)
        return rate_text(1 / seconds_each, "batches") + left_text(seconds_each * left) if seconds_each and left else ""


def batches_done(progress: "FitProgress") -> int:
    """Return the batches of the whole training that are behind."""
    return (progress.epoch - 1) * progress.batches + progress.batch
