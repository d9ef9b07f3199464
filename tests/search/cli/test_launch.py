"""`launch --workers`: what is handed to the supervisor, and what is refused before anything is made."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from search.bootstrap import open_memory
from search.local_launch import LocalOptions
from storage.records import StudyRecord, TrialOutcome
from tests.builders import build_failure, build_outcome, run_trial
from tests.integration.tiny import write_tiny
from tests.search.cli.running import Ran, make_runner

Run = Callable[..., Ran]


def finish(study: StudyRecord, *outcomes: TrialOutcome) -> bool:
    """Do what workers would have done."""
    claims = open_memory("studies.db").claims
    for number, outcome in enumerate(outcomes):
        run_trial(claims, study.id, number, outcome)
    return True


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(tmp_path)
    write_tiny(tmp_path)
    return make_runner(monkeypatch, capsys)


def test_supervisor_gets_the_stored_study_and_the_options(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def supervise(*arguments: Any) -> bool:
        seen.extend(arguments)
        return finish(arguments[1], build_outcome(0.9, 0.5, size_bytes=1000))

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

    def supervise(_console: Any, study: StudyRecord, _options: Any, progress: Any) -> bool:
        seen.append(progress.is_synthetic)
        return finish(study, build_outcome(0.9, 0.5, size_bytes=1000))

    monkeypatch.setattr("search.cli.supervision.supervise", supervise)
    assert run("launch", "--study", "tiny.toml", "--workers", "2", "--data", "synthetic").code == 0
    assert seen == [True]


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_launch_without_a_complete_trial_is_exit_1_and_says_what_failed(
    run: Run, monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...]
) -> None:
    failures = [build_failure("loss is not finite")] * 3 + [build_failure("logits are not finite")]
    monkeypatch.setattr("search.cli.supervision.supervise", lambda _console, study, *_: finish(study, *failures))
    ran = run("launch", "--study", "tiny.toml", "--workers", "2", *flags)
    assert ran.code == 1
    assert (
        "no trial of study 'tiny' is complete: 3 trials from trial 0 on failed: loss is not finite; "
        "trial 3 failed: logits are not finite. Mend that"
    ) in ran.errors
    assert "tiny" in ran.output


def test_stopped_workers_are_exit_130(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.cli.supervision.supervise", lambda *_: False)
    ran = run("launch", "--study", "tiny.toml", "--workers", "2")
    assert (ran.code, ran.output) == (130, "stopped; the same command goes on where this one ended\n")


def test_too_many_workers_for_a_file_are_refused_before_it_is_made(run: Run, tmp_path: Path) -> None:
    ran = run("launch", "--study", "tiny.toml", "--workers", "9")
    assert ran.code == 2
    assert "--workers 9: sqlite:///studies.db is an SQLite file, which bears at most 8 workers" in ran.errors
    assert not (tmp_path / "studies.db").exists()
