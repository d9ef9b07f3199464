"""`replay` on studies whose trainings train nothing."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.search.cli.running import Ran, make_runner
from tests.search.worker_bench import EPOCHS, Bench


@pytest.fixture
def replay(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., Ran]:
    """The command on the bench's database."""
    run = make_runner(monkeypatch, capsys)
    return lambda *arguments: run("replay", "--storage", str(tmp_path / "studies.db"), *arguments)


def test_watched_study_says_what_stopping_would_have_saved_and_lost(bench: Bench, replay: Callable[..., Ran]):
    assert bench.worker(trials=9, stopping="watch").run()
    ran = replay("--study", "small", "--json")
    assert (ran.code, ran.errors) == (0, "")
    values = json.loads(ran.output)
    assert (values["mode"], values["n_decisions"], values["differing"]) == ("watch", 18, [])
    stopping = values["stopping"]
    assert stopping["epochs_full"] == 9 * EPOCHS
    assert stopping["epochs_spent"] == 9 * EPOCHS - sum(EPOCHS - item["epochs"] for item in stopping["stopped"])
    said = replay("--study", "small").output
    assert "study small: 18 of 18 decisions come out as they are stored\n" in said
    assert f"would have ended {len(stopping['stopped'])} of 9 trainings" in said
    assert f"lost {stopping['hypervolume_lost']:.1%} of the hypervolume" in said


def test_study_that_stops_says_that_the_loss_is_not_known(bench: Bench, replay: Callable[..., Ran]):
    assert bench.worker(trials=9, stopping="rungs").run()
    ran = replay("--study", "small")
    assert ran.code == 0
    assert "what stopping lost is not known" in ran.output
    assert json.loads(replay("--study", "small", "--json").output)["stopping"] is None


def test_decision_that_does_not_hold_is_named_with_exit_code_1(bench: Bench, replay: Callable[..., Ran]):
    assert bench.worker(trials=9, stopping="rungs").run()
    number = bench.rungs.rungs(bench.study.id)[-1].number
    with bench.engine.begin() as connection:
        change = text("UPDATE cosearch_rungs SET goes_on = NOT goes_on WHERE number = :number AND rung = 0")
        connection.execute(change, {"number": number})
    ran = replay("--study", "small")
    assert ran.code == 1
    assert f"trial {number} at rung 0: the stored decision does not hold" in ran.output


def test_study_without_decisions_is_one_line(bench: Bench, replay: Callable[..., Ran]):
    assert bench.worker(trials=2).run()
    ran = replay("--study", "small")
    assert (ran.code, ran.output) == (2, "")
    assert "study 'small' has no decisions to replay: its early stopping is 'off'" in ran.errors


def test_unknown_study_is_one_line(bench: Bench, replay: Callable[..., Ran]):
    assert bench.worker(trials=2).run()
    ran = replay("--study", "other")
    assert (ran.code, "no study 'other'" in ran.errors) == (2, True)
