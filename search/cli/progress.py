"""What a person sees while a study runs: a live line in a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import TaskID

from search.cli.durations import left_text
from search.cli.live_display import LiveDisplay
from search.cli.synthetic import MARK
from storage.records import TrialRecord, TrialState

if TYPE_CHECKING:  # both come with TensorFlow, which takes seconds to import
    from search.listener import Standing
    from search.training.fit import FitProgress

_LINE_EVERY_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Began:
    """The first batch of a training here, which may go on from a later epoch than the first."""

    quantized: bool
    done: int
    at_s: float


class LaunchProgress(LiveDisplay):
    """Listens to a worker and draws: trial, epoch, time left, front size and hypervolume.

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
        self._clock = clock
        self._study: TaskID = self._progress.add_task("study", total=None, note="")
        self._training: TaskID = self._progress.add_task("training", total=None, note="", visible=False)
        self._trial = ""
        self._trial_seconds: list[float] = []
        self._began: _Began | None = None
        self._last_line = clock()

    def parent_started(self, choices: Mapping[str, float]) -> None:
        """Say that a float parent is being trained."""
        self._print(f"training the float parent ({_described(choices)}); it is kept for later trials and runs")

    def parent_awaited(self, choices: Mapping[str, float]) -> None:
        """Say why nothing happens here."""
        self._print(f"another worker trains the float parent ({_described(choices)}); waiting for it")

    def trial_started(self, record: TrialRecord, standing: "Standing") -> None:
        """Show the trial that is being trained."""
        self._trial = f"trial {record.number}"
        self._began = None
        self._last_line = self._clock()
        self._progress.reset(self._training, description=self._trial, visible=True, note="starting")
        self._show(standing)

    def fit_progressed(self, progress: "FitProgress") -> None:
        """Move the bar of the training."""
        now = self._clock()
        done = (progress.epoch - 1) * progress.batches + progress.batch
        total = progress.epochs * progress.batches
        if self._began is None or self._began.quantized != progress.quantized:
            self._began = _Began(quantized=progress.quantized, done=done, at_s=now)
        what = self._trial if progress.quantized else "float parent"
        note = f"epoch {progress.epoch}/{progress.epochs}  loss {progress.cross_entropy:.3f}"
        if self._began.done < done < total:
            # From the second batch on, because the network is traced in the first.
            note += left_text((now - self._began.at_s) / (done - self._began.done) * (total - done))
        self._progress.update(self._training, description=what, completed=done, total=total, note=note)
        is_due = now - self._last_line > _LINE_EVERY_S
        if not self._console.is_terminal and is_due and progress.batch == progress.batches:
            self._print(f"{what}: {note}")
            self._last_line = now

    def trial_finished(self, record: TrialRecord, standing: "Standing") -> None:
        """Print the trial's outcome and the study's standing."""
        if "training_s" in record.timings:
            # Without the start, in which a parent may have been trained.
            self._trial_seconds.append(record.timings["training_s"] + record.timings.get("measuring_s", 0.0))
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
        note = f"front {standing.front_size}  hypervolume {standing.hypervolume:.5g}{self._study_left(standing)}"
        self._progress.update(self._study, completed=standing.trained, total=standing.budget, note=note)

    def _study_left(self, standing: "Standing") -> str:
        """Return the time left, from the mean over this run's trials; parents to come are not foreseen."""
        if not self._trial_seconds or standing.trained >= standing.budget:
            return ""
        mean_s = sum(self._trial_seconds) / len(self._trial_seconds)
        return left_text(mean_s * (standing.budget - standing.trained) / self._n_workers)


def _described(choices: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in choices.items())
