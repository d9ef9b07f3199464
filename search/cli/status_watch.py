"""`status --watch`: a study as it goes on, drawn in place in a terminal and as plain lines elsewhere."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.text import Text

from dashboards.reading import read_snapshot
from search.cli.durations import left_text
from search.cli.fitted_tables import fitted
from search.cli.front_table import front_tables
from spaces.errors import StorageError
from storage.records import TrialState
from storage.study_progress import StudyProgress
from storage.workers import ALIVE_WITHIN_S

if TYPE_CHECKING:
    from search.bootstrap import Memory

_BAR_WIDTH = 40


def watch_study(
    console: Console, memory: "Memory", name: str, *, every_s: float, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Follow a study until its budget is spent and no trial runs; a database that is away is asked again.

    Raises:
        SelectionError: the database has no study of that name.
        StorageError: the database failed for a reason that does not pass.
        KeyboardInterrupt: somebody has seen enough.
    """
    told: str | None = None
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while True:
            try:
                seen = _look(memory, name)
            except StorageError as error:
                if not error.is_transient:
                    raise
                line, is_over, tables = f"the database is away, asking again: {error}", False, []
                picture: RenderableType = Text(line, style="yellow")
            else:
                progress, n_alive, budget = seen
                line, is_over = progress_line(progress, n_alive=n_alive, budget=budget), _is_over(progress, budget)
                snapshot = read_snapshot(memory.repository, name).with_audits(memory.audits)
                tables = [fitted(console, table) for table in front_tables(snapshot)]
                bar = ProgressBar(total=budget, completed=min(_trained(progress), budget), width=_BAR_WIDTH)
                # A bar by itself does not end its line.
                picture = Group(Text(f"study {name}", style="bold"), Padding(bar, expand=False), Text(line), *tables)
            if console.is_terminal:
                live.update(picture, refresh=True)
            elif line != told:
                console.print(line, highlight=False, markup=False, soft_wrap=True)
            told = line
            if is_over:
                return
            sleep(every_s)


def progress_line(progress: StudyProgress, *, n_alive: int, budget: int) -> str:
    """Return how far a study is in one line: trials, workers, pace, time left, front."""
    n_trained = _trained(progress)
    parts = [
        f"{n_trained}/{budget} trials",
        f"{progress.counts[TrialState.RUNNING]} running",
        f"{n_alive} workers alive",
    ]
    n_failed = progress.counts[TrialState.FAILED]
    if n_failed:
        parts.append(f"{n_failed} failed")
    pace = progress.trials_per_hour
    if pace:
        parts.append(f"{pace:.3g} trials an hour")
    parts.append(f"front {progress.revision.size}, hypervolume {progress.revision.hypervolume:.6g}")
    line = ", ".join(parts)
    return line + left_text(3600 * (budget - n_trained) / pace) if pace and n_trained < budget else line


def _look(memory: "Memory", name: str) -> tuple[StudyProgress, int, int]:
    """Return a study's progress, its workers alive and its budget."""
    study = memory.repository.get_study(name)
    (progress,) = [item for item in memory.repository.progress() if item.study.id == study.id]
    alive = memory.workers.count_alive(within_s=ALIVE_WITHIN_S)
    return progress, alive.get(study.id, 0), int(study.spec["budget"]["trials"])


def _trained(progress: StudyProgress) -> int:
    return sum(
        count for state, count in progress.counts.items() if state.is_budgeted and state is not TrialState.RUNNING
    )


def _is_over(progress: StudyProgress, budget: int) -> bool:
    return _trained(progress) >= budget and not progress.counts[TrialState.RUNNING]
