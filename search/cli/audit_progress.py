"""What a person sees while an audit runs: a live line in a terminal, one line for each finished attack."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from search.attacks.audit_clock import AuditProgress
from search.cli.durations import left_text
from spaces.audit import AttackOutcome
from spaces.check_result import CheckResult
from storage.audits import AuditRecord


class AuditDisplay:
    """Listens to an audit and draws: attack, share of the work, time left."""

    def __init__(self, console: Console) -> None:
        """Draw on a console; a live display only where it is a terminal."""
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal or console.quiet,
        )
        self._task = self._progress.add_task("audit", total=1.0, note="")

    def __enter__(self) -> Self:
        """Start the display."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the display."""
        self._progress.stop()

    def audit_started(self, record: AuditRecord, total: int) -> None:
        """Say what is audited, and what an earlier run has done."""
        n_stored = len(record.attacks) + (record.checks is not None)
        stored = f", {n_stored} of them stored already" if n_stored else ""
        self._console.print(
            f"audit of trial {record.number}: {len(record.is_right)} test images, clean accuracy "
            f"{record.is_right.mean():.3f}, {total} steps{stored}",
            highlight=False,
            soft_wrap=True,
        )

    def audit_progressed(self, progress: AuditProgress) -> None:
        """Move the bar."""
        norm = "" if progress.norm is None else f" {progress.norm}"
        described = rf"\[{progress.position}/{progress.total}] {progress.name}{norm}"
        self._progress.update(self._task, completed=progress.fraction, description=described, note=_left(progress))

    def attack_finished(self, outcome: AttackOutcome, progress: AuditProgress) -> None:
        """Print what the attack has left, and the time."""
        figures = " ".join(f"{value:.3f}" for value in outcome.accuracy)
        self._console.print(
            f"[{progress.position}/{progress.total}] {outcome.name:<16} {outcome.norm:<4} {figures}  "
            f"{outcome.elapsed_s:.1f} s{_left(progress)}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )

    def checks_finished(self, checks: Sequence[CheckResult], progress: AuditProgress) -> None:
        """Print which checks fired."""
        fired = [check.name for check in checks if not check.passed]
        self._console.print(
            f"[{progress.position}/{progress.total}] {progress.name:<16} {len(checks)} computed, "
            f"{'FIRED: ' + ', '.join(fired) if fired else 'none fired'}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )


def _left(progress: AuditProgress) -> str:
    return "" if progress.left_s is None or progress.left_s < 1 else left_text(progress.left_s)
