"""How fast work goes that is told of step by step, and how long the rest may take."""

from collections.abc import Callable

from search.cli.durations import left_text, rate_text
from spaces.work_steps import WorkSteps


class StepPace:
    """Times the steps of one piece of work after another.

    Another noun, another total or fewer steps behind than before begin another piece.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        """Read a clock, which gives seconds."""
        self._clock = clock
        self._piece: tuple[str, int | None] | None = None
        self._began = (0, 0.0)  # steps that were behind when this piece was first told of, and when that was
        self._reached = (0, 0.0)  # the same of its newest step: what is under way has no known end

    def note(self, steps: WorkSteps) -> str:
        """Return the steps, their rate and the time left in one line."""
        now = self._clock()
        if self._piece != (steps.noun, steps.total) or steps.done < self._reached[0]:
            self._piece = steps.noun, steps.total
            self._began = self._reached = steps.done, now
        if steps.total is None:
            return ""
        if steps.done > self._reached[0]:
            self._reached = steps.done, now
        note = f"{steps.done:,}/{steps.total:,} {steps.noun}"
        n_done, elapsed_s = self._reached[0] - self._began[0], self._reached[1] - self._began[1]
        if not n_done or elapsed_s <= 0:
            return note
        note = f"{steps.done:,}/{steps.total:,}{rate_text(n_done / elapsed_s, steps.noun)}"
        return note + left_text(elapsed_s / n_done * (steps.total - steps.done)) if steps.done < steps.total else note
