"""A refinement of the tiny study that is killed, by processes of their own."""

import json
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from search.bootstrap import open_memory
from storage.refinements import RefinementRun
from tests.integration.conftest import TinyStudy
from tests.integration.tiny import clean_environment, run_search, search_command

pytestmark = pytest.mark.slow

REFINE = ("refine", "--study", "tiny", "--select", "trial:0", "--epochs", "3", "--seeds", "2")


def stored_runs(folder: Path) -> list[RefinementRun]:
    memory = open_memory(str(folder / "studies.db"))
    return memory.refinements.runs(memory.repository.get_study("tiny").id)


def results(runs: list[RefinementRun]) -> list[object]:
    return [(run.number, run.repeat, run.seed, run.measurement, dict(run.artifacts)) for run in runs]


def kill_after_first_run(folder: Path) -> None:
    process = subprocess.Popen(
        search_command(*REFINE), cwd=folder, env=clean_environment(), stderr=subprocess.PIPE, text=True
    )
    stream: Any = process.stderr
    for line in stream:
        if line.startswith("trial 0, seed 1"):
            process.send_signal(signal.SIGKILL)
            break
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def test_killed_refinement_ends_like_one_that_was_never_touched(tiny: TinyStudy, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("killed", "untouched")]
    for folder in folders:
        shutil.copytree(tiny.folder, folder)
    before = results_of_search(folders[0])
    kill_after_first_run(folders[0])
    assert [run.repeat for run in stored_runs(folders[0])] == [0]
    for folder in folders:
        ran = run_search(*REFINE, "--json", folder=folder)
        assert (ran.returncode, ran.stderr) == (0, "")
        (group,) = json.loads(ran.stdout)["groups"]
        assert (group["epochs"], group["seeds"], group["candidates"][0]["search"]["epochs"]) == (3, 2, 1)
    assert results(stored_runs(folders[0])) == results(stored_runs(folders[1]))
    assert results_of_search(folders[0]) == before
    assert run_search("db", "check", folder=folders[0]).returncode == 0


def results_of_search(folder: Path) -> list[object]:
    memory = open_memory(str(folder / "studies.db"))
    study = memory.repository.get_study("tiny")
    front = memory.repository.front(study.id)
    return [*memory.repository.trials(study.id), *(record.number for record in front)]
