"""Workers that train nothing: small programs, and what a launcher tells of them."""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from search.launchers.local import LocalLauncher, LocalWorkers
from search.launchers.restarts import RestartPolicy
from search.launchers.worker_log import claim_logs

QUICK = RestartPolicy(first_delay_s=0.01, longest_delay_s=0.05)

# Every program notes its process in a file, once a start.
_NOTE = """
import os, signal, sys, time
name, folder = sys.argv[1:]
with open(f"{folder}/{name}.starts", "a") as file:
    file.write(f"{os.getpid()}\\n")
n_starts = len(open(f"{folder}/{name}.starts").readlines())
"""
ENDS = "print('done', flush=True)"
WAITS = """
def stop(*_):
    print("asked to stop", flush=True)
    sys.exit(130)
signal.signal(signal.SIGINT, stop)
print("waiting", flush=True)
time.sleep(60)
"""
DEAF = "signal.signal(signal.SIGINT, signal.SIG_IGN); print('waiting', flush=True); time.sleep(60)"


class Heard:
    """Keeps what a launcher and a watch tell."""

    def __init__(self, *, at_end: Callable[[], None] = lambda: None) -> None:
        self.started: list[str] = []
        self.ended: list[tuple[str, int]] = []
        self.n_stopped: list[int] = []
        self._at_end = at_end

    def worker_started(self, name: str, pid: int) -> None:
        self.started.append(name)

    def worker_ended(self, name: str, code: int, *, delay_s: float) -> None:
        self.ended.append((name, code))
        self._at_end()

    def stopping(self, n_running: int) -> None:
        self.n_stopped.append(n_running)


class Looks:
    """A watch whose database answers as told."""

    def __init__(self, answers: Callable[[], bool] = lambda: True) -> None:
        self._answers = answers
        self.finished: list[bool] = []

    def look(self) -> bool:
        return self._answers()

    def finish(self, *, is_done: bool) -> None:
        self.finished.append(is_done)


def fake_command(program: str, folder: Path) -> Callable[[str], Sequence[str]]:
    return lambda name: [sys.executable, "-I", "-S", "-c", _NOTE + program, name, str(folder)]


def make_launcher(
    folder: Path,
    programs: Mapping[str, str],
    *,
    heard: Heard | None = None,
    watch: Looks | None = None,
    stop_requests: Callable[[], int] = lambda: 0,
    policy: RestartPolicy = QUICK,
) -> LocalLauncher:
    """Return a launcher of one worker for each of the programs, which are called h-1, h-2 and so on."""
    workers = LocalWorkers(
        logs=claim_logs(folder / "logs", host="h", n_workers=len(programs)),
        command=lambda name: fake_command(programs[name], folder)(name),
        environment={},
        policy=policy,
    )
    return LocalLauncher(workers, watch=watch or Looks(), listener=heard or Heard(), stop_requests=stop_requests)


def pids(folder: Path, name: str) -> list[int]:
    path = folder / f"{name}.starts"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def log_text(folder: Path, name: str) -> str:
    path = folder / "logs" / f"{name}.log"
    return path.read_text() if path.exists() else ""
