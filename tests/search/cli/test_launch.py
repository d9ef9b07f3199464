"""`launch --workers`: what is handed to the supervisor, and what is refused before anything is made."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from search.bootstrap import open_memory
from search.local_launch import LocalOptions
from tests.integration.tiny import write_tiny
from tests.search.cli.running import Ran, make_runner

Run = Callable[..., Ran]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(tmp_path)
    write_tiny(tmp_path)
    return make_runner(monkeypatch, capsys)


def test_supervisor_gets_the_stored_study_and_the_options(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def supervise(*arguments: Any) -> bool:
        seen.extend(arguments)
        return True

    monkeypatch.setattr("search.cli.supervision.supervise", supervise)
    ran = run("launch", "--study", "tiny.toml", "--workers", "3", "--trials", "7", "--sampler", "random", "--keep-all")
    assert (ran.code, ran.errors) == (0, "")
    _, study, options, progress = seen
    assert study == open_memory("studies.db").repository.get_study("tiny")
    assert study.spec["budget"] == {"trials": 7}
    assert options == LocalOptions(storage="studies.db", n_workers=3, data_dir=None, sampler="random", keep_all=True)
    assert not progress.is_synthetic
    assert "tiny" in ran.output  # the commands that follow


def test_figures_of_drawn_images_are_marked_with_workers_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []
    monkeypatch.setattr(
        "search.cli.supervision.supervise", lambda *arguments: seen.append(arguments[3].is_synthetic) or True
    )
    assert run("launch", "--study", "tiny.toml", "--workers", "2", "--data", "synthetic").code == 0
    assert seen == [True]


def test_stopped_workers_are_exit_130(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.cli.supervision.supervise", lambda *_: False)
    ran = run("launch", "--study", "tiny.toml", "--workers", "2")
    assert (ran.code, ran.output) == (130, "stopped; the same command goes on where this one ended\n")


def test_too_many_workers_for_a_file_are_refused_before_it_is_made(run: Run, tmp_path: Path) -> None:
    ran = run("launch", "--study", "tiny.toml", "--workers", "9")
    assert ran.code == 2
    assert "--workers 9: sqlite:///studies.db is an SQLite file, which bears at most 8 workers" in ran.errors
    assert not (tmp_path / "studies.db").exists()
