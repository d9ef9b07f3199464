"""What a person sees while candidates are refined: a live line in a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console

from search.cli.batch_pace import BatchPace, batches_done
from search.cli.durations import left_text, rate_text
from search.cli.epoch_lines import EpochLines, epoch_text
from search.cli.live_display import LiveDisplay
from search.cli.step_pace import StepPace
from spaces.work_steps import WorkSteps
from storage.refinements import RefinementRun

if TYPE_CHECKING:  # both come with TensorFlow, which takes seconds to import
    from search.refinement import PlannedRun
    from search.training.fit import FitProgress


class RefineProgress(LiveDisplay):
    """Listens to a refinement and draws: run, epoch, batches a second, time left."""

    def __init__(self, console: Console, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Draw on a console, a live display only where it is a terminal; `clock` gives seconds."""
        super().__init__(console)
        self._clock = clock
        self._task = self._progress.add_task("refinement", total=None, note="")
        self._n_done = self._n_runs = 0
        self._what = ""
        self._batch_pace = BatchPace(clock)
        self._step_pace = StepPace(clock)
        self._began: tuple[float, float] | None = None  # how many runs were done at the first batch here, and when
        self._lines = EpochLines(console, clock)

    def refinement_started(self, planned: "Sequence[PlannedRun]", *, n_stored: int) -> None:
        """Say what is to be done, and what earlier commands have done."""
        self._n_done, self._n_runs = n_stored, len(planned)
        stored = f", {n_stored} of them stored already" if n_stored else ""
        candidates = _counted(len({run.trial.number for run in planned}), "candidate")
        self._print(f"refining {candidates}: {_counted(len(planned), 'training')}{stored}")
        self._progress.update(self._task, completed=n_stored, total=len(planned))

    def parent_started(self, choices: Mapping[str, float]) -> None:
        """Say that a float parent is being trained."""
        described = ", ".join(f"{name} {value:g}" for name, value in choices.items())
        self._print(f"training the float parent ({described}), because its stored weights are not to be had")

    def run_started(self, run: "PlannedRun") -> None:
        """Show the run that is being trained."""
        self._what = f"trial {run.trial.number}, seed {run.repeat + 1}"
        self._batch_pace.begin()
        self._progress.update(self._task, description=self._what, note="starting")

    def fit_progressed(self, progress: "FitProgress") -> None:
        """Move the bar."""
        note = epoch_text(progress)
        seconds_each = self._batch_pace.seconds_each(progress)
        note += rate_text(1 / seconds_each, "batches") if seconds_each else ""
        if not progress.quantized:
            self._progress.update(self._task, note=f"float parent: {note}")
            return
        now, batches = self._clock(), progress.epochs * progress.batches
        position = self._n_done + batches_done(progress) / batches
        if self._began is None:  # after the first batch, in which the network is traced
            self._began = position, now
        note += self._left(position, now)
        self._progress.update(self._task, completed=position, note=note)
        if self._lines.is_due(progress):
            self._print(f"{self._what}: {note}")

    def run_measured(self, steps: WorkSteps) -> None:
        """Say which part of the measurement is done now."""
        self._progress.update(self._task, note=f"{steps.what}  {self._step_pace.note(steps)}")

    def run_finished(self, run: RefinementRun) -> None:
        """Print what the run gave, and the time left."""
        self._n_done += 1
        now = self._clock()
        self._progress.update(self._task, completed=self._n_done)
        left = f"[{self._n_done}/{self._n_runs}]{self._left(self._n_done, now)}"
        self._lines.begin()
        if run.measurement is None:
            self._print(f"{self._what}   failed: {run.reason}  {left}", style="red")
            return
        mark = "?" if run.measurement.masking_suspect else " "
        self._print(
            f"{self._what}{mark}  clean {run.measurement.clean_accuracy:.3f}  "
            f"robust {run.measurement.robust_accuracy:.3f}  {left}"
        )

    def _left(self, position: float, now: float) -> str:
        """Return the time left at the speed since the first batch here, measurements included."""
        if self._began is None or position >= self._n_runs:
            return ""
        began, at_s = self._began
        if position <= began:
            return ""
        return left_text((now - at_s) / (position - began) * (self._n_runs - position))


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
