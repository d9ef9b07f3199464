"""What a person sees while a study runs: a live line in a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import TaskID

from search.cli.batch_pace import BatchPace, batches_done
from search.cli.durations import left_text, rate_text
from search.cli.epoch_lines import EpochLines, epoch_text
from search.cli.live_display import LiveDisplay
from search.cli.step_pace import StepPace
from search.cli.synthetic import MARK
from spaces.work_steps import WorkSteps
from storage.records import TrialRecord, TrialState

if TYPE_CHECKING:  # both come with TensorFlow, which takes seconds to import
    from search.listener import Standing
    from search.training.fit import FitProgress

_WIDE = 100  # columns; the hypervolume fits into the bar's line from there on, and is in every trial's line anyway


class LaunchProgress(LiveDisplay):
    """Listens to a worker and draws: trial, epoch, batches a second, trials an hour, time left, front and hypervolume.

    Attributes:
        is_synthetic: whether every trial's figures are marked as those of synthetic data.
    """

    def __init__(self, console: Console, *, n_workers: int = 1, clock: Callable[[], float] = time.monotonic) -> None:
        """Draw on a console, a live display only where it is a terminal.

        Args:
            console: for the lines.
            n_workers: that train at the same time and are heard here.
            clock: gives seconds.
        """
        super().__init__(console)
        self.is_synthetic = False
        self._n_workers = n_workers
        self._study: TaskID = self._progress.add_task("study", total=None, note="")
        self._training: TaskID = self._progress.add_task("training", total=None, note="", visible=False)
        self._trial = ""
        self._trial_seconds: list[float] = []
        self._batch_pace = BatchPace(clock)
        self._step_pace = StepPace(clock)
        self._lines = EpochLines(console, clock)

    def parent_started(self, choices: Mapping[str, float]) -> None:
        """Say that a float parent is being trained."""
        self._print(f"training the float parent ({_described(choices)}); it is kept for later trials and runs")

    def parent_awaited(self, choices: Mapping[str, float]) -> None:
        """Say why nothing happens here."""
        self._print(f"another worker trains the float parent ({_described(choices)}); waiting for it")

    def parent_measured(self, steps: WorkSteps) -> None:
        """Move the bar of a parent's measurement."""
        self._measured(steps.what, steps, note="")

    def trial_started(self, record: TrialRecord, standing: "Standing") -> None:
        """Show the trial that is being trained."""
        self._trial = f"trial {record.number}"
        self._batch_pace.begin()
        self._lines.begin()
        self._progress.reset(self._training, description=self._trial, visible=True, note="starting")
        self._show(standing)

    def fit_progressed(self, progress: "FitProgress") -> None:
        """Move the bar of the training."""
        done, total = batches_done(progress), progress.epochs * progress.batches
        what = self._trial if progress.quantized else "float parent"
        note = epoch_text(progress) + self._batch_pace.note(progress)
        shown = f"{note}  measuring" if done == total else note
        self._progress.update(self._training, description=what, completed=done, total=total, note=shown, visible=True)
        if self._lines.is_due(progress):
            self._print(f"{what}: {note}")

    def trial_measured(self, steps: WorkSteps) -> None:
        """Move the bar of a trial's measurement."""
        self._measured(self._trial, steps, note=f"{steps.what}  ")

    def _measured(self, what: str, steps: WorkSteps, *, note: str) -> None:
        note += self._step_pace.note(steps)
        self._progress.update(
            self._training, description=what, completed=steps.done, total=steps.total, note=note, visible=True
        )

    def trial_finished(self, record: TrialRecord, standing: "Standing") -> None:
        """Print the trial's outcome and the study's standing."""
        if "training_s" in record.timings:
            # Without the start, in which a parent may have been trained.
            self._trial_seconds.append(record.timings["training_s"] + record.timings.get("measuring_s", 0.0))
        self._progress.update(self._training, visible=False)
        self._show(standing)
        if record.state is TrialState.REFUSED:
            self._print(f"trial {record.number:>3}  refused: {record.reason}", style="dim")
        elif record.state is TrialState.STOPPED:
            self._print(f"trial {record.number:>3}  {record.reason}  [{standing.trained}/{standing.budget}]")
        elif record.measurement is None:
            self._print(f"trial {record.number:>3}  failed: {record.reason}", style="red")
        else:
            figures = record.measurement
            mark = "?" if figures.masking_suspect else " "
            self._print(
                f"trial {record.number:>3}{mark} clean {figures.clean_accuracy:.3f}  "
                f"robust {figures.robust_accuracy:.3f}  {figures.size_bytes:>7,} bytes  "
                f"{'' if record.is_feasible else 'infeasible  '}"
                f"[{standing.trained}/{standing.budget}]  front {standing.front_size}  "
                f"hypervolume {standing.hypervolume:.5g}{self._study_left(standing)}"
                f"{f'  {MARK}' if self.is_synthetic else ''}"
            )

    def waiting(self, running: int) -> None:
        """Say why nothing happens here."""
        trials = "the last trial" if running == 1 else f"the last {running} trials"
        self._print(f"the budget has no place left; waiting for {trials}, which other workers have")

    def space_exhausted(self, standing: "Standing") -> None:
        """Say why the study ends before its budget is spent."""
        self._print(
            f"every candidate of the search space was tried; the study ends after {standing.trained} of "
            f"{standing.budget} trials"
        )

    def _show(self, standing: "Standing") -> None:
        volume = f"  hypervolume {standing.hypervolume:.5g}" if self._console.width >= _WIDE else ""
        note = f"{standing.trained}/{standing.budget}  front {standing.front_size}{volume}"
        seconds_each = self._seconds_each()
        if seconds_each:
            note += rate_text(1 / seconds_each, "trials")
        note += self._study_left(standing)
        self._progress.update(self._study, completed=standing.trained, total=standing.budget, note=note)

    def _study_left(self, standing: "Standing") -> str:
        """Return the time left at this run's pace; parents to come are not foreseen."""
        seconds_each = self._seconds_each()
        if seconds_each is None or standing.trained >= standing.budget:
            return ""
        return left_text(seconds_each * (standing.budget - standing.trained))

    def _seconds_each(self) -> float | None:
        """Return the mean over this run's trials, shared by the workers; None before the first one."""
        if not self._trial_seconds:
            return None
        return sum(self._trial_seconds) / len(self._trial_seconds) / self._n_workers


def _described(choices: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in choices.items())
