"""What a person sees of work that goes by steps: one bar with the step, the rate and the time left."""

import time
from collections.abc import Callable

from rich.console import Console

from search.cli.live_display import LiveDisplay
from search.cli.step_pace import StepPace
from spaces.work_steps import WorkSteps


class StepDisplay(LiveDisplay):
    """Draws the steps that it is told of, in a terminal alone; nothing of it stays behind."""

    def __init__(self, console: Console, *, what: str, clock: Callable[[], float] = time.monotonic) -> None:
        """Draw on a console; `what` is being done until the first step is told, `clock` gives seconds."""
        super().__init__(console, is_transient=True)
        self._pace = StepPace(clock)
        self._task = self._progress.add_task(what, total=None, note="")

    def show(self, steps: WorkSteps) -> None:
        """Move the bar."""
        self._progress.update(
            self._task,
            description=steps.what,
            completed=steps.done,
            total=steps.total,
            note=self._pace.note(steps),
        )
