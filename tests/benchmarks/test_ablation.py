"""The ablation's arms give the search spaces that they promise, and its clock counts what the database tells."""

import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from search.models.topologies import make_all_topologies
from spaces.check_result import CheckResult
from spaces.errors import SelectionError
from spaces.search_space import SearchSpace
from spaces.spec_files import load_spec
from spaces.study_spec import StudySpec
from storage.records import TrialRecord, TrialState
from tests.benchmarks import ablation
from tests.benchmarks.ablation import Ablation, parse_arguments
from tests.benchmarks.ablation_arms import (
    ADVERSARIAL,
    ARMS,
    BITS,
    IN_TURN,
    JOINT,
    JOINT_ADVERSARIAL,
    JR,
    on_chosen_bits,
    overrides_of,
)
from tests.benchmarks.ablation_figures import arm_result, chosen_bits, pictures, table, write_page
from tests.benchmarks.ablation_time import timed, trial_seconds, used_s, within
from tests.builders import build_candidate, build_measurement, build_spec

START = datetime(2025, 1, 1, tzinfo=UTC)
SHAPES = {"digits": (8, 8, 1), "cifar": (32, 32, 3), "cifar-robust": (32, 32, 3), "kws": (49, 10, 1)}


def space_of(study: str, overrides: dict[str, Any]) -> tuple[StudySpec, SearchSpace]:
    spec = load_spec(study, overrides=overrides)
    topologies = make_all_topologies(spec.topology, input_shape=SHAPES[study], n_classes=10)
    return spec, SearchSpace(spec, topologies[0].slots)


def searched(study: str, arm: str, *, own: dict[str, Any] | None = None) -> set[str]:
    """Return the kinds of parameters of an arm that have more than one choice."""
    spec = load_spec(study, overrides=own)
    _, space = space_of(study, {**(own or {}), **overrides_of(arm, spec)})
    return {item.name.rpartition(".")[2] for item in space.parameters if len(item.choices) > 1}


@pytest.mark.parametrize("study", ["cifar", "cifar-robust", "kws"])
def test_every_arm_searches_its_own_part_alone(study: str) -> None:
    bits, adversarial = {"weight_bits", "activation_bits"}, {"adversarial_epsilon"}
    adversarial |= {"adversarial_weight"} if study == "cifar" else set()  # the others name one share
    assert {arm: searched(study, arm) for arm in ARMS} == {
        BITS: bits,
        JR: {"jr_weight"},
        IN_TURN: bits,
        JOINT: bits | {"jr_weight"},
        JOINT_ADVERSARIAL: bits | {"jr_weight"} | adversarial,
        ADVERSARIAL: adversarial,
    }


def test_what_is_fixed_is_the_widest_bits_and_no_jacobian_term() -> None:
    spec = load_spec("cifar")
    _, space = space_of("cifar", overrides_of(ADVERSARIAL, spec))
    candidate = space.decode({item.name: item.choices[-1] for item in space.parameters})
    assert {policy.weight_bits for policy in candidate.policies.values()} == {8}
    assert {policy.activation_bits for policy in candidate.policies.values()} == {8, None}
    assert {policy.jr_weight for policy in candidate.policies.values()} == {0.0}
    assert candidate.training["adversarial_epsilon"] == pytest.approx(8 / 255)


def test_arms_without_adversaries_train_on_none() -> None:
    spec = load_spec("cifar-robust")
    for arm in (BITS, JR, IN_TURN, JOINT):
        changed = load_spec("cifar-robust", overrides=overrides_of(arm, spec))
        assert changed.training.adversarial_weight == (0.0,)
        assert changed.training.adversarial_epsilons == ()
    changed = load_spec("cifar-robust", overrides=overrides_of(JOINT_ADVERSARIAL, spec))
    assert changed.training == spec.training


def test_rules_of_the_study_lose_what_an_arm_fixes() -> None:
    rules = [
        {"match": "conv0", "weight_bits": [4, 8], "jr_weight": [0.0, 0.5]},
        {"match": "block*", "activation_bits": [4, 6], "tie": True},
    ]
    own = {"layers.rules": rules}
    spec = load_spec("cifar", overrides=own)
    kept = {arm: overrides_of(arm, spec).get("layers.rules") for arm in (BITS, JR, JOINT, ADVERSARIAL)}
    assert kept == {
        BITS: [
            {"match": "conv0", "tie": False, "weight_bits": [4, 8]},
            {"match": "block*", "tie": True, "activation_bits": [4, 6]},
        ],
        JR: [{"match": "conv0", "tie": False, "jr_weight": [0.0, 0.5]}],
        JOINT: None,
        ADVERSARIAL: [],
    }
    assert searched("cifar", JR, own=own) == {"jr_weight"}
    assert searched("cifar", BITS, own=own) == {"weight_bits", "activation_bits"}


def test_second_half_searches_jacobian_weights_on_the_chosen_bits() -> None:
    _, space = space_of("digits", overrides_of(BITS, load_spec("digits")))
    params = {item.name: item.choices[len(item.choices) // 2] for item in space.parameters}
    chosen = space.decode(params | {"topology.width": 0.5})
    _, second = space_of("digits", on_chosen_bits(load_spec("digits"), chosen))
    kinds = {item.name.rpartition(".")[2] for item in second.parameters if len(item.choices) > 1}
    assert kinds == {"jr_weight", "learning_rate"}
    again = second.decode({item.name: item.choices[-1] for item in second.parameters})
    assert again.topology == {"width": 0.5}
    for name, policy in again.policies.items():
        assert (policy.weight_bits, policy.activation_bits) == (
            chosen.policies[name].weight_bits,
            chosen.policies[name].activation_bits,
        )
        assert policy.jr_weight in (0.0, 0.1)
    assert any(policy.jr_weight > 0 for policy in again.policies.values())


def trial(
    number: int,
    *,
    timings: dict[str, float],
    state: TrialState = TrialState.COMPLETE,
    figures: tuple[float, float, int] | None = None,
    curve: tuple[float, ...] = (),
    seconds: float | None = 0.0,
) -> TrialRecord:
    return TrialRecord(
        number=number,
        state=state,
        candidate=build_candidate(jr_weight=float(number)),
        seed=0,
        measurement=None if figures is None else build_measurement(figures[0], figures[1], size_bytes=figures[2]),
        violations=() if figures is None else (0.0,),
        reason=None,
        timings=timings,
        details={"curve": [{"epoch": index + 1, "elapsed_s": item} for index, item in enumerate(curve)]},
        owner="w",
        is_told=True,
        started_at=START,
        finished_at=None if seconds is None else START + timedelta(seconds=seconds),
    )


def test_a_trial_s_time_is_its_start_training_and_measurement() -> None:
    assert trial_seconds(trial(0, timings={"start_s": 1.0, "training_s": 10.0, "measuring_s": 2.0})) == 13.0
    assert trial_seconds(trial(0, timings={"training_s": 4.0}, state=TrialState.STOPPED)) == 4.0


def test_training_that_went_on_from_a_checkpoint_counts_all_its_epochs() -> None:
    resumed = trial(0, timings={"start_s": 1.0, "training_s": 6.0, "measuring_s": 2.0}, curve=(5.0, 5.0, 5.0))
    assert trial_seconds(resumed) == 18.0
    whole = trial(0, timings={"start_s": 1.0, "training_s": 16.0, "measuring_s": 2.0}, curve=(5.0, 5.0, 5.0))
    assert trial_seconds(whole) == 19.0


def test_failed_trial_counts_by_the_clock_and_one_that_runs_not_at_all() -> None:
    failed = trial(0, timings={}, state=TrialState.FAILED, seconds=7.0)
    running = trial(1, timings={}, state=TrialState.RUNNING, seconds=None)
    assert (trial_seconds(failed), trial_seconds(running)) == (7.0, 0.0)
    assert [item.record.number for item in timed([running, failed])] == [0]
    assert used_s([running, failed]) == 7.0
    assert used_s([]) == 0.0


def test_second_trial_of_a_candidate_counts_for_nothing() -> None:
    first, second, third = (trial(number, timings={"training_s": 10.0}) for number in range(3))
    again = replace(second, candidate=first.candidate)
    items = timed([first, again, third])
    assert [(item.record.number, item.end_s) for item in items] == [(0, 10.0), (2, 20.0)]
    assert used_s([first, again, third]) == 20.0


def test_trial_that_crosses_the_budget_is_not_counted() -> None:
    items = timed([trial(number, timings={"training_s": 10.0}) for number in (2, 0, 1)])
    assert [(item.record.number, item.end_s) for item in items] == [(0, 10.0), (1, 20.0), (2, 30.0)]
    assert [item.record.number for item in within(items, 20.0)] == [0, 1]
    assert [item.record.number for item in within(items, 29.9)] == [0, 1]


def results_of(*records: TrialRecord) -> Any:
    return arm_result(JOINT, timed(records), build_spec(), at_clean=[0.5, 0.75], is_exhausted=True)


def test_result_counts_feasible_trials_by_hand(tmp_path: Path) -> None:
    infeasible = replace(trial(3, timings={"training_s": 5.0}, figures=(1.0, 1.0, 100)), violations=(1.0,))
    result = results_of(
        trial(0, timings={"training_s": 10.0}, figures=(0.5, 0.5, 600)),  # 0.5 * 0.5 * 400 = 100
        trial(1, timings={"training_s": 10.0}, figures=(0.8, 0.25, 600)),  # adds 0.3 * 0.25 * 400 = 30
        trial(2, timings={"training_s": 10.0}, figures=(0.4, 0.4, 700)),  # dominated
        infeasible,
        trial(4, timings={}, state=TrialState.REFUSED),
    )
    assert result.hypervolume == pytest.approx(130.0)
    assert [(item.clean_accuracy, item.robust_accuracy) for item in result.front] == [(0.5, 0.5), (0.8, 0.25)]
    assert (result.n_trials, result.used_s, result.best) == (4, 35.0, {0.5: 0.5, 0.75: 0.25})
    lines = table([result], at_clean=[0.5, 0.75])
    assert lines[1].split() == ["joint", "*", "130", "130", "2", "4", "35", "0.500", "0.250"]
    assert lines[2].startswith("* every candidate was tried")
    write_page(pictures([result], build_spec()), tmp_path / "a.html")
    assert "robust accuracy" in (tmp_path / "a.html").read_text(encoding="utf-8")
    assert result.to_json()["best_robust_accuracy"][1] == {"at_least_clean_accuracy": 0.75, "robust_accuracy": 0.25}


def test_trusted_volume_leaves_out_what_a_check_fired_on() -> None:
    fired = CheckResult(name="restarts", value=0.5, bound=0.1, passed=False)
    suspect = trial(1, timings={"training_s": 10.0}, figures=(0.8, 0.25, 600))
    assert suspect.measurement is not None
    suspect = replace(suspect, measurement=replace(suspect.measurement, checks=(fired,)))
    result = results_of(trial(0, timings={"training_s": 10.0}, figures=(0.5, 0.5, 600)), suspect)
    assert (result.hypervolume, result.trusted_hypervolume) == (pytest.approx(130.0), pytest.approx(100.0))
    assert [item["masking_suspect"] for item in result.to_json()["front"]] == [False, True]
    assert results_of(suspect).trusted_hypervolume == 0.0


def test_arm_that_found_nothing_has_no_volume() -> None:
    result = results_of(trial(0, timings={}, state=TrialState.FAILED, seconds=3.0))
    assert (result.hypervolume, result.front, result.best) == (0.0, (), {0.5: None, 0.75: None})
    assert "none" in table([result], at_clean=[0.5, 0.75])[1]
    with pytest.raises(SelectionError, match="nothing feasible in its half of the time"):
        chosen_bits(timed([trial(0, timings={}, state=TrialState.FAILED)]), build_spec())


def test_bits_are_those_of_the_knee() -> None:
    records = [
        trial(0, timings={"training_s": 1.0}, figures=(0.9, 0.1, 900)),
        trial(1, timings={"training_s": 1.0}, figures=(0.8, 0.8, 300)),
        trial(2, timings={"training_s": 1.0}, figures=(0.1, 0.9, 900)),
    ]
    assert chosen_bits(timed(records), build_spec()) == records[1].candidate


def test_second_half_begins_where_the_counted_first_one_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, float]] = []
    first = [trial(number, timings={"training_s": 25.0}, figures=(0.5, 0.5, 600)) for number in range(3)]
    second = [trial(0, timings={"training_s": 30.0}, figures=(0.6, 0.6, 600))]

    def search(self: Ablation, name: str, overrides: dict[str, Any], *, budget_s: float) -> Any:
        asked.append((name, budget_s))
        return within(timed(first if name == BITS else second), budget_s), False

    monkeypatch.setattr(Ablation, "_search", search)
    arguments = parse_arguments(["--storage", str(tmp_path), "--study", "digits", "--minutes", "2"])
    monkeypatch.setattr(ablation, "on_chosen_bits", lambda *_: {})
    result = Ablation(arguments, build_spec()).run_arm(IN_TURN)
    assert asked == [(BITS, 60.0), (IN_TURN, 70.0)], "two of three trials of 25 s lie within 60 s"
    assert (result.n_trials, result.used_s) == (3, 80.0)


def test_kept_searches_give_the_table_of_the_results_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = Path(__file__).parents[2] / "docs" / "results"
    for name in ("bits-only", "jr-only"):
        shutil.copytree(kept / "cifar-ablation" / name, tmp_path / name)
    monkeypatch.setattr(ablation.subprocess, "run", lambda *_, **__: pytest.fail("a search was begun"))
    options = ["--storage", str(tmp_path), "--study", str(kept / "cifar-ablation.toml"), "--show"]
    with pytest.raises(SystemExit, match=r"has no runs, for settings\.json is not there"):
        ablation.run(parse_arguments(options))
    shutil.copy(kept / "cifar-ablation" / "settings.json", tmp_path)
    ablation.run(parse_arguments([*options, "--arms", BITS, JR]))
    _, *rows = capsys.readouterr().out.splitlines()
    assert [row.split() for row in rows] == [
        ["bits", "only", "6711.71", "6711.71", "7", "16", "1173", "0.127", "0.127"],
        ["JR", "only", "3759.51", "3759.51", "4", "13", "1178", "0.237", "0.237"],
    ]
    with pytest.raises(SystemExit, match=r"--show: .*joint/studies\.db is not there"):
        ablation.run(parse_arguments([*options, "--arms", "joint"]))
    for other in (["--minutes", "21"], ["--study", "cifar"]):
        with pytest.raises(SystemExit, match=r"has runs of other settings .* give those, or another --storage"):
            ablation.run(parse_arguments([*options, *other]))


def test_half_that_found_nothing_is_a_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = timed([trial(0, timings={}, state=TrialState.FAILED, seconds=30.0)])
    monkeypatch.setattr(Ablation, "_search", lambda *_, **__: (failed, False))
    arguments = parse_arguments(["--storage", str(tmp_path), "--study", "digits", "--minutes", "2"])
    result = Ablation(arguments, build_spec()).run_arm(IN_TURN)
    assert (result.hypervolume, result.n_trials, result.used_s) == (0.0, 1, 30.0)


def test_stopped_search_says_how_to_go_on_and_a_failed_one_that_it_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = parse_arguments(["--storage", str(tmp_path / "a"), "--study", "digits"])
    monkeypatch.setattr(ablation, "parse_arguments", lambda: arguments)
    for code, told, ended in ((130, "the same command goes on", 130), (1, "", "a search failed with exit code 1")):

        def call(command: list[str], *, check: bool, code: int = code) -> None:
            raise subprocess.CalledProcessError(code, command)

        monkeypatch.setattr(ablation.subprocess, "run", call)
        with pytest.raises(SystemExit) as stopped:
            ablation.main()
        assert str(stopped.value.code).startswith(str(ended))
        assert told in capsys.readouterr().err
