"""What a person sees of several workers, and running them to their end."""

from typing import TYPE_CHECKING

from rich.console import Console

from search.cli.durations import clock_text
from search.cli.stop_signals import StopRequests

if TYPE_CHECKING:
    from search.cli.progress import LaunchProgress
    from search.launchers.study_watch import Pace
    from search.local_launch import LocalOptions
    from storage.records import StudyRecord


def supervise(console: Console, study: "StudyRecord", options: "LocalOptions", progress: "LaunchProgress") -> bool:
    """Run a study with several worker processes; return whether the work is done, False if Ctrl-C ended it before.

    Args:
        console: for the lines about the workers.
        study: as stored.
        options: of the launch.
        progress: prints the trials.

    Raises:
        SetupError: too many workers for the database, or they cannot be started.
        StorageError: the database cannot be used.
        WorkerFailedError: a worker fails at every start; the others were stopped.
    """
    from search.local_launch import prepare_local_launch

    lines = SupervisorLines(console)
    with StopRequests() as requests:
        launcher = prepare_local_launch(
            study, options, listener=progress, supervisor_listener=lines, stop_requests=requests.count
        )
        with progress:
            return launcher.run()


class SupervisorLines:
    """Prints what happens to the workers, a line each."""

    def __init__(self, console: Console) -> None:
        """Print on a console."""
        self._console = console

    def worker_started(self, name: str, pid: int) -> None:
        """Say which process a worker is."""
        self._print(f"worker {name} is process {pid}")

    def worker_ended(self, name: str, code: int, *, delay_s: float) -> None:
        """Say how a worker ended and when it is started again."""
        how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        self._print(f"worker {name} ended {how}; it starts again in {delay_s:g} s", style="yellow")

    def stopping(self, n_running: int) -> None:
        """Say what is waited for."""
        self._print(f"stopping {n_running} workers after their batches; press Ctrl-C again to stop them at once")

    def paced(self, pace: "Pace") -> None:
        """Say how fast the workers are."""
        left = "" if pace.left_s is None else f", about {clock_text(pace.left_s)} left"
        self._print(
            f"{pace.alive} workers alive, {pace.training} train; {pace.trials_per_hour:.3g} trials an hour{left}"
        )

    def database_away(self, reason: str) -> None:
        """Say that the database is away, and what the workers do meanwhile."""
        self._print(f"{reason} The workers go on with their trials and try again.", style="yellow")

    def database_back(self) -> None:
        """Say that the database is back."""
        self._print("the database answers again")

    def _print(self, text: str, *, style: str | None = None) -> None:
        # Without markup: a name or a reason may hold square brackets.
        self._console.print(text, style=style, highlight=False, markup=False, soft_wrap=True)
