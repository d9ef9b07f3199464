"""Launches that are stopped, killed, halted or doubled, as processes of their own."""

import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from search.bootstrap import open_memory
from storage.records import TrialRecord, TrialState
from tests.builders import check_front
from tests.integration.tiny import GUARD_S, TRIALS, clean_environment, run_search, search_command, write_tiny

pytestmark = pytest.mark.slow

Process = subprocess.Popen[str]
LAUNCH = ("launch", "--study", "tiny.toml")


@contextmanager
def launching(folder: Path) -> Iterator[Process]:
    """Start the tiny study's launch; whatever the test leaves of it is killed."""
    process = subprocess.Popen(
        search_command(*LAUNCH),
        cwd=folder,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for(process: Process, beginning: str) -> None:
    stream: Any = process.stdout
    for line in stream:
        if line.startswith(beginning):
            return
    pytest.fail(f"the launch ended before it said {beginning!r}")


def wait_for_trial(folder: Path, is_there: Callable[[list[TrialRecord]], bool]) -> None:
    deadline = time.monotonic() + GUARD_S
    while time.monotonic() < deadline:
        if (folder / "studies.db").exists() and is_there(stored_trials(folder)):
            return
        time.sleep(0.05)
    pytest.fail("the trial did not begin")


def stored_trials(folder: Path) -> list[TrialRecord]:
    repository = open_memory(str(folder / "studies.db")).repository
    study = repository.find_study("tiny")
    return [] if study is None else repository.trials(study.id)


def results(trials: list[TrialRecord]) -> list[object]:
    return [(record.number, record.seed, record.candidate, record.measurement) for record in trials]


def test_killed_study_ends_like_one_that_was_never_touched(tiny, tmp_path):
    """Stop once, kill four times: no trial lost, none twice, and every figure as without."""
    write_tiny(tmp_path)
    moments = random.Random()

    with launching(tmp_path) as process:
        wait_for(process, "training the float parent")
        time.sleep(moments.uniform(0, 0.5))
        process.send_signal(signal.SIGKILL)
    assert [record.state for record in stored_trials(tmp_path)] == [TrialState.RUNNING]

    with launching(tmp_path) as process:
        wait_for(process, "training the float parent")
        time.sleep(moments.uniform(0, 3))
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=GUARD_S)
    assert (process.returncode, errors) == (130, "")
    assert output.endswith("stopped; the same command goes on where this one ended\n")

    for _ in range(3):
        with launching(tmp_path) as process:
            n_before = sum(record.state is TrialState.COMPLETE for record in stored_trials(tmp_path))
            if n_before < TRIALS - 1:
                wait_for(process, "trial ")
            time.sleep(moments.uniform(0, 1.5))
            process.send_signal(signal.SIGKILL)

    last = run_search(*LAUNCH, folder=tmp_path)
    assert (last.returncode, last.stderr) == (0, "")

    assert results(stored_trials(tmp_path)) == results(tiny.trials())
    memory = open_memory(str(tmp_path / "studies.db"))
    study = memory.repository.get_study("tiny")
    assert check_front(memory.repository, study.id) == []
    assert [record.number for record in memory.repository.front(study.id)] == [
        record.number for record in tiny.memory.repository.front(tiny.memory.repository.get_study("tiny").id)
    ]
    assert memory.artifacts.digests() >= memory.repository.referenced_digests()
    assert memory.repository.referenced_digests() == tiny.memory.repository.referenced_digests()


def test_trial_of_a_launch_that_is_only_halted_is_left_to_it(tmp_path):
    write_tiny(tmp_path)
    with launching(tmp_path) as first:
        wait_for(first, "trial   0")  # after the float parent, for which the second one would wait
        wait_for_trial(tmp_path, lambda trials: any(trial.state is TrialState.RUNNING for trial in trials))
        first.send_signal(signal.SIGSTOP)  # so that it is there, in its trial, however slow the second one is
        with launching(tmp_path) as second:
            wait_for(second, "the budget has no place left; waiting for the last trial")
            (halted,) = [record for record in stored_trials(tmp_path) if record.state is TrialState.RUNNING]
            first.send_signal(signal.SIGCONT)
            for process in (first, second):
                assert process.communicate(timeout=GUARD_S)[1] == ""
                assert process.returncode == 0
    trials = stored_trials(tmp_path)
    assert [record.state for record in trials] == [TrialState.COMPLETE] * TRIALS
    assert trials[halted.number].owner == halted.owner
    assert len({record.owner for record in trials}) == 2


def test_same_seed_and_study_give_the_same_figures_in_another_process(tiny, tmp_path):
    write_tiny(tmp_path)
    again = run_search(*LAUNCH, "--trials", "3", folder=tmp_path)
    assert again.returncode == 0
    assert results(stored_trials(tmp_path)) == results(tiny.trials()[:3])
