"""What a person sees while reference models are made ready and audited."""

import time
from collections.abc import Callable, Mapping

from rich.console import Console

from search.cli.audit_progress import AuditDisplay
from search.cli.batch_pace import BatchPace, batches_done
from search.cli.epoch_lines import EpochLines, epoch_text
from search.training.fit import FitProgress

STOPPED = "stopped; the finished epochs and attacks are stored, the same command goes on from there"


class ReferenceDisplay(AuditDisplay):
    """Listens to the audits of a family, and before them to the training of a network that is made here."""

    def __init__(self, console: Console, *, what: str, clock: Callable[[], float] = time.monotonic) -> None:
        """Draw on a console, as `AuditDisplay` does; `clock` gives seconds."""
        super().__init__(console, what=what)
        self._progress.update(self._task, description="preparing data and models")
        self._lines, self._pace = EpochLines(console, clock), BatchPace(clock)

    def parent_started(self, choices: Mapping[str, float]) -> None:
        """Say that a network is being trained."""
        del choices  # a reference has one width
        self._print(f"training {self._what}; it is kept for later runs")

    def parent_awaited(self, choices: Mapping[str, float]) -> None:
        """Say why nothing happens here."""
        del choices
        self._print(f"another process trains {self._what}; waiting for it")

    def fit_progressed(self, progress: FitProgress) -> None:
        """Move the bar; where there is none, print a line now and then."""
        done = batches_done(progress) / (progress.epochs * progress.batches)
        note = epoch_text(progress) + self._pace.note(progress)
        self._progress.update(self._task, completed=done, description=f"training {self._what}", note=note)
        if self._lines.is_due(progress):
            self._print(f"{self._what}: {note}")
