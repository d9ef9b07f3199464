"""What a person sees while reference models are made ready and audited."""

import time
from collections.abc import Callable, Mapping

from rich.console import Console

from search.cli.audit_progress import AuditDisplay
from search.training.fit import FitProgress

STOPPED = "stopped; the finished epochs and attacks are stored, the same command goes on from there"

_LINE_EVERY_S = 30.0


class ReferenceDisplay(AuditDisplay):
    """Listens to the audits of a family, and before them to the training of a network that is made here."""

    def __init__(self, console: Console, *, what: str, clock: Callable[[], float] = time.monotonic) -> None:
        """Draw on a console, as `AuditDisplay` does; `clock` gives seconds."""
        super().__init__(console, what=what)
        self._progress.update(self._task, description="preparing data and models")
        self._clock = clock
        self._last_line = clock()

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
        done = ((progress.epoch - 1) * progress.batches + progress.batch) / (progress.epochs * progress.batches)
        note = f"epoch {progress.epoch}/{progress.epochs}  loss {progress.cross_entropy:.3f}"
        self._progress.update(self._task, completed=done, description=f"training {self._what}", note=note)
        now = self._clock()
        is_due = now - self._last_line > _LINE_EVERY_S
        if not self._console.is_terminal and is_due and progress.batch == progress.batches:
            self._print(f"{self._what}: {note}")
            self._last_line = now
