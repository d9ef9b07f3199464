"""`worker`: what it hands to the worker it joins, and how it ends; nothing is trained here."""

import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import pytest

from search.bootstrap import WorkerOptions
from search.listener import Standing
from search.training.fit import StopRequestedError
from spaces.errors import StorageError
from tests.search.cli.running import Ran, make_runner

STANDING = Standing(trained=2, budget=3, refused=0, front_size=1, hypervolume=0.5)


class Joined:
    """Stands for the bootstrap's worker."""

    def __init__(self, run: Callable[[], bool], standing: Standing = STANDING) -> None:
        self.options: WorkerOptions | None = None
        self.should_stop: Callable[[], bool] = lambda: False
        self._run, self._standing = run, standing

    def __call__(self, options, listener, should_stop):
        self.options, self.should_stop = options, should_stop
        study = SimpleNamespace(name="s", is_synthetic=False)
        return SimpleNamespace(run=self._run, study=study, standing=lambda: self._standing)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    return make_runner(monkeypatch, capsys)


def join(monkeypatch: pytest.MonkeyPatch, run: Callable[[], bool], standing: Standing = STANDING) -> Joined:
    joined = Joined(run, standing)
    monkeypatch.setattr("search.bootstrap.join_worker", joined)
    return joined


def test_options_reach_the_worker(run, monkeypatch, tmp_path):
    joined = join(monkeypatch, lambda: True)
    arguments = ["--study", "s", "--storage", "x.db", "--name", "h-1", "--sampler", "random", "--keep-all"]
    ran = run("worker", *arguments, "--data-dir", str(tmp_path))
    assert (ran.code, ran.output, ran.errors) == (0, "", "")
    assert joined.options == WorkerOptions(
        study="s", storage="x.db", data_dir=tmp_path, name="h-1", sampler="random", keep_all=True
    )


def test_database_is_found_in_the_environment(run, monkeypatch):
    joined = join(monkeypatch, lambda: True)
    monkeypatch.setenv("SEARCH_STORAGE", "postgresql://u:secret@h/x")
    run("worker", "--study", "s")
    assert joined.options.storage == "postgresql://u:secret@h/x"


def test_study_file_stands_for_its_study(run, monkeypatch, tmp_path):
    from tests.integration.tiny import write_tiny

    joined = join(monkeypatch, lambda: True)
    run("worker", "--study", str(write_tiny(tmp_path)))
    assert joined.options.study == "tiny"


def test_worker_of_a_study_whose_budget_is_spent_says_so(run, monkeypatch):
    join(monkeypatch, lambda: True, replace(STANDING, trained=3))
    ran = run("worker", "--study", "s")
    assert (ran.code, ran.errors) == (0, "")
    assert ran.output == "study 's' has all its trials (3 of 3); nothing is left to do\n"


def test_end_for_machines_is_the_standing(run, monkeypatch):
    join(monkeypatch, lambda: True)
    ran = run("worker", "--study", "s", "--json")
    assert ran.code == 0
    assert json.loads(ran.output) == {
        "study": "s", "trained": 2, "budget": 3, "refused": 0, "front_size": 1, "hypervolume": 0.5,
    }  # fmt: skip


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stop_is_a_wish_that_ends_with_130(run, monkeypatch, number):
    def training() -> bool:
        os.kill(os.getpid(), number)
        assert joined.should_stop()
        raise StopRequestedError

    joined = join(monkeypatch, training)
    ran = run("worker", "--study", "s")
    assert ran.code == 130
    assert ran.output.splitlines() == [
        "stopping after this batch; press Ctrl-C again to stop at once",
        "stopped; another worker, or this one started again, goes on with its trial",
    ]


def test_database_that_fails_ends_with_4(run, monkeypatch):
    def training() -> bool:
        raise StorageError("the database is away.")

    join(monkeypatch, training)
    ran = run("worker", "--study", "s")
    assert (ran.code, ran.errors) == (4, "error: the database is away.\n")


def test_threads_come_too_late_where_tensorflow_is_imported(run, monkeypatch):
    joined = join(monkeypatch, lambda: True)
    assert "tensorflow" in sys.modules  # by the tests' own imports
    ran = run("worker", "--study", "s", "--threads", "1")
    assert (ran.code, "before TensorFlow is imported" in ran.errors) == (2, True)
    assert joined.options is None


def test_study_has_to_be_named(run):
    ran = run("worker")
    assert (ran.code, "--study" in ran.errors) == (2, True)


def test_database_that_is_not_there_is_one_line(run, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    ran = run("worker", "--study", "s")
    assert (ran.code, ran.errors.count("\n")) == (4, 1)
    assert "there is no database sqlite:///studies.db" in ran.errors


def test_help_names_the_database_and_the_variable_for_data(run):
    shown = run("worker", "--help").output
    assert "[default: studies.db]" in shown
    assert "SEARCH_DATA_DIR" in shown
