"""What a person sees while an audit runs: a live line in a terminal, one line for each finished attack."""

from collections.abc import Sequence

from rich.console import Console

from search.attacks.audit_clock import AuditProgress
from search.audit import StoredAudit
from search.cli.accuracy_texts import beside_attacked
from search.cli.durations import left_text, rate_text
from search.cli.live_display import LiveDisplay
from spaces.audit import AttackOutcome
from spaces.check_result import CheckResult


class AuditDisplay(LiveDisplay):
    """Listens to an audit and draws: attack, share of the work, gradients a second, time left."""

    def __init__(self, console: Console, *, what: str) -> None:
        """Draw on a console; a live display only where it is a terminal. `what` names the audited model."""
        super().__init__(console)
        self._what = what
        self._task = self._progress.add_task("audit", total=1.0, note="")

    def rename(self, what: str) -> None:
        """Go on with the audit of another model."""
        self._what = what

    def audit_started(self, record: StoredAudit, total: int) -> None:
        """Say what is audited, and what an earlier run has done."""
        n_stored = len(record.attacks) + (record.checks is not None)
        stored = f", {n_stored} of them stored already" if n_stored else ""
        self._print(
            f"audit of {self._what}: {len(record.is_right)} test examples, clean accuracy "
            f"{record.is_right.mean():.3f}{beside_attacked(record.whole_test)}, {total} steps{stored}",
        )

    def audit_progressed(self, progress: AuditProgress) -> None:
        """Move the bar."""
        norm = "" if progress.norm is None else f" {progress.norm}"
        described = f"[{progress.position}/{progress.total}] {progress.name}{norm}"
        self._progress.update(self._task, completed=progress.fraction, description=described, note=_pace(progress))

    def attack_finished(self, outcome: AttackOutcome, progress: AuditProgress) -> None:
        """Print what the attack has left, and the time."""
        figures = " ".join(f"{value:.3f}" for value in outcome.accuracy)
        self._print(
            f"[{progress.position}/{progress.total}] {outcome.name:<16} {outcome.norm:<4} {figures}  "
            f"{outcome.elapsed_s:.1f} s{_left(progress)}",
        )

    def checks_finished(self, checks: Sequence[CheckResult], progress: AuditProgress) -> None:
        """Print which checks fired."""
        fired = [check.name for check in checks if not check.passed]
        self._print(
            f"[{progress.position}/{progress.total}] {progress.name:<16} {len(checks)} computed, "
            f"{'FIRED: ' + ', '.join(fired) if fired else 'none fired'}",
        )


def _pace(progress: AuditProgress) -> str:
    rate = "" if progress.gradients_per_s is None else rate_text(progress.gradients_per_s, "gradients").lstrip()
    return f"{rate}{_left(progress)}"


def _left(progress: AuditProgress) -> str:
    return "" if progress.left_s is None or progress.left_s < 1 else left_text(progress.left_s)
