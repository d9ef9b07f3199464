"""Killed workers and damaged files with real training: every figure as in a study that was never touched."""

import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from search.bootstrap import LaunchOptions, Memory, open_memory, prepare_study
from search.training.checkpoint import FitState
from storage.maintenance import check_database
from storage.records import TrialRecord, TrialState
from tests.integration.faults.fleet import wait_until
from tests.integration.tiny import TRIALS as TINY_TRIALS
from tests.integration.tiny import clean_environment, write_tiny
from tests.search.cli.running import Ran, make_runner

pytestmark = pytest.mark.slow

TRIALS = 4
RUNGS = 2  # after 1 and 2 of 4 epochs
CHANGES = {
    "epochs = 1\n": "epochs = 4\n",
    "[budget]\n": '[early_stopping]\nmode = "watch"\neta = 2\nattack_examples = 40\n[budget]\n',
    f"trials = {TINY_TRIALS}\n": f"trials = {TRIALS}\n",
}
Process = subprocess.Popen[str]


def prepared(folder: Path) -> Path:
    """Return the folder with the stored study, of which nothing is trained."""
    path = write_tiny(folder, CHANGES)
    options = {"data_dir": None, "synthetic": False, "sampler": "random", "keep_all": False, "overrides": {}}
    prepare_study(LaunchOptions(study=str(path), storage=str(folder / "studies.db"), **options))
    return folder


@contextmanager
def working(folder: Path, name: str, *, dies_at: int | None = None) -> Iterator[Process]:
    """Start a worker whose candidates follow from the trials' numbers, on one thread for equal rounding."""
    module, threads = ["search"], ["--threads", "1"]
    if dies_at is not None:  # this one sets its threads itself
        module, threads = ["tests.integration.faults.dying_search", str(dies_at)], []
    command = [sys.executable, "-m", *module, "worker", "--study", "tiny", "--name", name, *threads]
    command += ["--sampler", "random", "--storage", str(folder / "studies.db")]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=clean_environment(), **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def run_worker(folder: Path, name: str, *, dies_at: int | None = None) -> Ran:
    """Run a worker to its end."""
    with working(folder, name, dies_at=dies_at) as process:
        output, errors = process.communicate()
    return Ran(code=process.returncode, output=output, errors=errors)


def memory_of(folder: Path) -> tuple[Memory, int]:
    memory = open_memory(str(folder / "studies.db"))
    return memory, memory.repository.get_study("tiny").id


def trials(folder: Path) -> list[TrialRecord]:
    memory, study_id = memory_of(folder)
    return memory.repository.trials(study_id)


def figures(folder: Path) -> list[object]:
    assert check_database(str(folder / "studies.db")).is_good
    return [(record.number, record.seed, record.candidate, record.measurement) for record in trials(folder)]


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def parents(folder: Path) -> set[str]:
    with closing(sqlite3.connect(folder / "studies.db")) as connection:
        return {digest for (digest,) in connection.execute("SELECT digest FROM cosearch_parents")}


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = prepared(tmp_path_factory.mktemp("untouched"))
    ran = run_worker(folder, "a")
    assert (ran.code, ran.errors) == (0, "")
    assert [record.state for record in trials(folder)] == [TrialState.COMPLETE] * TRIALS
    return folder


def test_training_goes_on_from_the_rung_before_a_truncated_checkpoint(untouched, tmp_path):
    """The float parent is truncated too, and trained again."""
    prepared(tmp_path)
    killed = run_worker(tmp_path, "a", dies_at=3 * RUNGS)
    assert killed.code == -signal.SIGKILL, killed.errors
    memory, study_id = memory_of(tmp_path)
    (left,) = memory.repository.trials(study_id, state=TrialState.RUNNING)
    first, newest = memory.rungs.rungs(study_id, number=left.number)
    (digest,) = first.checkpoints.values()
    kept = FitState.from_bytes(memory.artifacts.get(digest))
    (digest,), (parent,) = newest.checkpoints.values(), parents(tmp_path)
    for damaged in (digest, parent):
        truncate(memory.artifacts.path(damaged))

    again = run_worker(tmp_path, "a")
    assert again.code == 0
    assert f"trial {left.number} cannot go on from rung 1: artifact {digest}" in again.errors
    assert re.search(rf"artifact {parent}.* is damaged.* It is trained again\.", again.errors)
    assert again.errors.count("is damaged") == 2
    assert figures(tmp_path) == figures(untouched)
    # The first epoch was not trained again: it has the seconds that it took before the kill.
    curve = trials(tmp_path)[left.number].details["curve"]
    assert [epoch["elapsed_s"] for epoch in curve[:1]] == [record.elapsed_s for record in kept.records]


def test_study_of_two_workers_one_of_which_is_killed_has_the_figures_of_an_untouched_one(untouched, tmp_path):
    memory, study_id = memory_of(prepared(tmp_path))

    def wait_for_trial(name: str, process: Process) -> None:
        def has_come() -> bool:
            owners = {record.owner for record in memory.repository.trials(study_id)}
            return name in owners or process.poll() is not None

        wait_until(has_come, f"worker {name} has a trial")

    with working(tmp_path, "a", dies_at=RUNGS + 1) as killed:  # in its second trial
        wait_for_trial("a", killed)
        with working(tmp_path, "b") as other:
            _, errors = killed.communicate()
            assert killed.returncode == -signal.SIGKILL, errors
            wait_for_trial("b", other)
            assert run_worker(tmp_path, "a").code == 0
            _, errors = other.communicate()
            assert other.returncode == 0, errors
    assert figures(tmp_path) == figures(untouched)
    assert {record.owner for record in trials(tmp_path)} == {"a", "b"}


def test_worker_that_comes_late_says_that_nothing_is_left_to_do(untouched, tmp_path):
    ran = run_worker(shutil.copytree(untouched, tmp_path / "copy"), "late")
    assert (ran.code, ran.errors) == (0, "")
    assert ran.output == f"study 'tiny' has all its trials ({TRIALS} of {TRIALS}); nothing is left to do\n"


def test_truncated_model_is_refused_by_its_hash(untouched, tmp_path, monkeypatch, capsys):
    folder = shutil.copytree(untouched, tmp_path / "copy")
    memory, study_id = memory_of(folder)
    member = memory.repository.front(study_id)[0]
    digest = memory.repository.artifacts(study_id, member.number)["weights.npz"]
    truncate(memory.artifacts.path(digest))
    monkeypatch.chdir(folder)
    run = make_runner(monkeypatch, capsys)
    exported = run("export", "--study", "tiny", "--select", f"trial:{member.number}", "--out", "out")
    assert exported.code == 2
    assert f"artifact {digest}" in exported.errors
    assert "is damaged" in exported.errors
    assert not list(Path().glob("out/*/*"))
    checked = run("db", "check")
    assert checked.code == 1
    assert f"file weights.npz of trial {member.number}: artifact {digest}" in checked.output
