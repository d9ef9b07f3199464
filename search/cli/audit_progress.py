"""What a person sees while an audit runs: a live line in a terminal, one line for each finished attack."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from search.audit import AuditProgress
from spaces.audit import AttackOutcome
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
        stored = f", {len(record.attacks)} of them stored already" if record.attacks else ""
        self._console.print(
            f"audit of trial {record.number}: {len(record.is_right)} test images, clean accuracy "
            f"{record.is_right.mean():.3f}, {total} attacks{stored}",
            highlight=False,
            soft_wrap=True,
        )

    def audit_progressed(self, progress: AuditProgress) -> None:
        """Move the bar."""
        described = f"[{progress.position}/{progress.total}] {progress.name} {progress.norm}".replace("[", r"\[", 1)
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


def _left(progress: AuditProgress) -> str:
    if progress.left_s is None or progress.left_s < 1:
        return ""
    return f"  left {int(progress.left_s // 60)}:{int(progress.left_s % 60):02d}"
