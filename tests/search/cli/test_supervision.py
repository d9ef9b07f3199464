"""The lines about several workers, and a supervised study whose workers train nothing."""

import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from search.cli.progress import LaunchProgress
from search.cli.supervision import SupervisorLines, supervise
from search.launchers.study_watch import Pace
from search.local_launch import LocalOptions, check_worker_count, worker_command
from search.threads import available_cpus
from spaces.errors import SetupError
from storage.artifacts import default_root
from storage.migrations import upgrade
from storage.repository import Repository
from storage.sql import open_engine
from tests.builders import create_study

# Finishes one trial of the study in the environment's database, then ends well.
WORKER = """
import os, sys
from storage.claims import ClaimRepository
from storage.sql import open_engine
from tests.builders import build_outcome, claim_trial
number = int(sys.argv[1].rpartition("-")[2])
claims = ClaimRepository(open_engine(os.environ["SEARCH_STORAGE"]))
claims.finish(claim_trial(claims, 1, number).lease, build_outcome(0.5, 0.5, size_bytes=500 + number))
"""


class Shown:
    """A console that writes text."""

    def __init__(self) -> None:
        self._output = io.StringIO()
        self.console = Console(file=self._output, width=200)

    def lines(self) -> list[str]:
        return self._output.getvalue().splitlines()


def options(storage: str, *, n_workers: int = 2, **changes) -> LocalOptions:
    values = {"data_dir": None, "sampler": "tpe", "keep_all": False, **changes}
    return LocalOptions(storage=storage, n_workers=n_workers, **values)


def test_lines_about_the_workers():
    shown = Shown()
    lines = SupervisorLines(shown.console)
    lines.worker_started("h-1", 12)
    lines.worker_ended("h-1", -9, delay_s=1.0)
    lines.worker_ended("[b]h-1", 4, delay_s=2.0)
    lines.paced(Pace(alive=2, training=1, trials_per_hour=36.5, left_s=3725.0))
    lines.paced(Pace(alive=2, training=2, trials_per_hour=0.0, left_s=None))
    lines.database_away("the server is away.")
    lines.database_back()
    lines.stopping(2)
    assert shown.lines() == [
        "worker h-1 is process 12",
        "worker h-1 ended by signal 9; it starts again in 1 s",
        "worker [b]h-1 ended with exit code 4; it starts again in 2 s",
        "2 workers alive, 1 train; 36.5 trials an hour, about 1:02:05 left",
        "2 workers alive, 2 train; 0 trials an hour",
        "the server is away. The workers go on with their trials and try again.",
        "the database answers again",
        "stopping 2 workers after their batches; press Ctrl-C again to stop them at once",
    ]


def test_sqlite_bears_eight_workers():
    check_worker_count("studies.db", 8)
    check_worker_count("postgresql://u@h/x", 100)
    with pytest.raises(SetupError, match=r"--workers 9: sqlite:///studies\.db is an SQLite file.*at most 8") as raised:
        check_worker_count("studies.db", 9)
    assert "PostgreSQL" in str(raised.value)


def test_command_of_a_worker_divides_the_processors_and_hides_the_database():
    given = options("postgresql://u:secret@h/x", n_workers=available_cpus(), data_dir=Path("data"), keep_all=True)
    command = worker_command("s", "h-1", given)
    assert command[:4] == [sys.executable, "-m", "search", "worker"]
    assert command[command.index("--threads") + 1] == "1"
    assert command[command.index("--name") + 1] == "h-1"
    assert {"--stop-with-stdin", "--keep-all", "data"} <= set(command)
    assert not any("secret" in word for word in command)
    assert worker_command("s", "h-1", options("x.db", n_workers=1))[-3:] == ["--sampler", "tpe", "--stop-with-stdin"]


def test_more_workers_than_processors_have_a_thread_each():
    command = worker_command("s", "h-1", options("x.db", n_workers=1000))
    assert command[command.index("--threads") + 1] == "1"


def test_supervised_study_tells_its_trials(tmp_path, monkeypatch):
    path = str(tmp_path / "studies.db")
    engine = open_engine(path)
    upgrade(engine)
    study = create_study(Repository(engine))
    engine.dispose()
    monkeypatch.setattr("search.local_launch.worker_command", lambda _, name, __: [sys.executable, "-c", WORKER, name])
    monkeypatch.setattr("platform.node", lambda: "h")
    shown = Shown()
    assert supervise(shown.console, study, options(path), LaunchProgress(shown.console))
    lines = shown.lines()
    assert [line.rpartition(" ")[0] for line in lines[:2]] == [f"worker h-{k} is process" for k in (1, 2)]
    assert {line[:11] for line in lines[2:4]} == {"trial   1  ", "trial   2  "}
    assert "clean 0.500  robust 0.500" in lines[2]
    assert lines[4].startswith("every candidate of the search space was tried; the study ends after 2 of ")
    assert {file.name for file in (default_root(path) / "logs").iterdir()} == {"h-1.log", "h-2.log"}


def test_supervisor_does_without_tensorflow():
    modules = "search.cli.supervision, search.cli.progress, search.local_launch"
    code = f"import sys, {modules}; print('tensorflow' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "False"


def test_ctrl_c_while_workers_run_ends_them_and_says_so(tmp_path, monkeypatch):
    path = str(tmp_path / "studies.db")
    engine = open_engine(path)
    upgrade(engine)
    study = create_study(Repository(engine))
    engine.dispose()
    # The worker itself presses Ctrl-C at its supervisor, once it listens.
    program = f"""
import os, signal, sys, time
signal.signal(signal.SIGINT, lambda *_: sys.exit(130))
os.kill({os.getpid()}, {int(signal.SIGINT)})
time.sleep(60)
"""
    monkeypatch.setattr("search.local_launch.worker_command", lambda *_: [sys.executable, "-c", program])
    shown = Shown()
    assert not supervise(shown.console, study, options(path, n_workers=1), LaunchProgress(shown.console))
    assert shown.lines()[-1].startswith("stopping 1 workers after their batches")
