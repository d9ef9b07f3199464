"""What the benchmark of the search's efficiency runs, keeps and writes; no search is run here."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.benchmarks import search_efficiency
from tests.benchmarks.efficiency_curves import Found, Replay, Run
from tests.benchmarks.efficiency_options import ARMS, NSGA2, OURS, PLAIN, RANDOM, WITHOUT
from tests.benchmarks.search_efficiency import (
    claim_folder,
    common_settings,
    parse_arguments,
    plan,
    report,
    run_arm,
    run_file,
)


def planned(*arguments: str) -> list[tuple[int, str]]:
    given = parse_arguments(arguments)
    return list(plan(given, common_settings(given)))


def found(elapsed_s: float, accuracy: float) -> Found:
    return Found(elapsed_s=elapsed_s, own_s=elapsed_s, losses=(-accuracy, -0.5, 4000.0), is_feasible=True)


def a_run(arm: str, *items: Found, elapsed_s: float = 100.0, replay: Replay | None = None) -> Run:
    return Run(arm=arm, seed=1, found=items, elapsed_s=elapsed_s, own_s=elapsed_s, n_begun=len(items), replay=replay)


def test_every_seed_begins_with_another_arm_and_the_others_have_fewer_seeds() -> None:
    runs = planned("--seeds", "3", "--other-seeds", "1")
    assert [arm for seed, arm in runs if seed == 1] == list(ARMS)
    assert [arm for seed, arm in runs if seed == 2] == [OURS, PLAIN]
    assert [arm for seed, arm in runs if seed == 3] == [PLAIN, OURS]
    assert {arm for seed, arm in planned("--seeds", "2") if seed == 2} == set(ARMS)


def test_plain_optuna_comes_first_where_its_trials_set_the_time() -> None:
    runs = planned("--seeds", "3", "--trials", "4", "--arms", PLAIN, OURS)
    assert runs == [(seed, arm) for seed in (1, 2, 3) for arm in (PLAIN, OURS)]
    with pytest.raises(SystemExit):
        parse_arguments(["--trials", "4", "--arms", OURS])


def test_folder_of_other_settings_is_refused(tmp_path: Path) -> None:
    settings = common_settings(parse_arguments(["--ours", "warm_start.priors=4", 'training.start="parent"']))
    assert settings["overrides"] == {"warm_start.priors": 4, "training.start": "parent"}
    claim_folder(tmp_path, settings)
    claim_folder(tmp_path, settings)
    with pytest.raises(SystemExit, match=r"runs of other settings \(budget_s: there 240\.0, now 60\.0\)"):
        claim_folder(tmp_path, {**settings, "budget_s": 60.0})


def test_run_that_is_done_is_kept_and_one_that_was_cut_off_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[dict[str, Any]] = []

    def run(command: list[str], *, check: bool, env: dict[str, str]) -> SimpleNamespace:
        assert check
        assert env["OMP_NUM_THREADS"] == str(settings["threads"])
        options = json.loads(command[-1])
        made.append(options)
        if len(made) == 1:
            raise KeyboardInterrupt
        done = a_run(options["arm"], found(20.0, 0.9), elapsed_s=77.0)
        Path(options["out"]).write_text(json.dumps(done.to_json()), encoding="utf-8")
        return SimpleNamespace()

    monkeypatch.setattr(search_efficiency.subprocess, "run", run)
    settings = common_settings(parse_arguments(["--trials", "6"]))
    with pytest.raises(KeyboardInterrupt):
        run_arm(tmp_path, PLAIN, 1, settings)
    assert not run_file(tmp_path, PLAIN, 1).exists()
    first = run_arm(tmp_path, PLAIN, 1, settings)
    assert run_arm(tmp_path, PLAIN, 1, settings) == first
    run_arm(tmp_path, OURS, 1, settings)
    assert [(item["arm"], item["trials"], item["budget_s"]) for item in made] == [
        (PLAIN, 6, None),
        (PLAIN, 6, None),
        (OURS, None, 77.0),
    ]


def test_report_prints_the_tables_and_writes_the_keys_and_the_curves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    replay = Replay(n_trials=9, n_stopped=6, times_saved=2.5, hypervolume_lost=0.02)
    runs = [
        a_run(PLAIN, found(50.0, 0.5)),
        a_run(OURS, found(10.0, 0.9)),
        a_run(WITHOUT, found(30.0, 0.7), replay=replay),
        a_run(NSGA2),
        replace(a_run(RANDOM), elapsed_s=90.0),
    ]
    arguments = parse_arguments(["--json", str(tmp_path / "f.json"), "--plot", str(tmp_path / "f.html")])
    report(runs, arguments)
    printed = capsys.readouterr().out
    assert "2.50 x saved, 2.00 % lost; it must not be on by default" in printed
    content = json.loads((tmp_path / "f.json").read_text(encoding="utf-8"))
    assert content["time_over_plain_optuna"] == pytest.approx(0.1)
    assert content["hypervolume_gain"] == pytest.approx(1.0)  # accuracies of 0.8 and 0.4 above a guess
    assert [Run.from_json(item) for item in content["runs"]] == runs
    assert "ours without early stopping" in (tmp_path / "f.html").read_text(encoding="utf-8")
