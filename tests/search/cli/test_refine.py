"""`refine` from the command line down to the database, with an evaluator that trains nothing."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from search.bootstrap import create_memory, open_memory
from search.training.fit import StopRequestedError
from storage.records import TrialOutcome, TrialState
from tests.builders import build_candidate, build_failure, build_outcome, run_trial
from tests.search.cli.running import Ran, make_runner
from tests.search.fake_refining import FakeEvaluator
from tests.search.trained_digits import digits_dataset, digits_spec

STOPPED = TrialOutcome(state=TrialState.STOPPED, reason="not among the best at rung 0", timings={}, details={})
REFUSED = TrialOutcome(state=TrialState.REFUSED, reason="too large", timings={}, details={})


@pytest.fixture
def storage(tmp_path: Path) -> str:
    """A database with two complete trials, both on the front, and one each that failed, was stopped and was refused."""
    path = str(tmp_path / "studies.db")
    memory, spec = create_memory(path), digits_spec()
    study = memory.repository.create_study(
        name=spec.name,
        spec=spec.model_dump(mode="json"),
        spec_fingerprint=spec.fingerprint,
        data=digits_dataset().describe(),
        versions={},
    )
    outcomes = [build_outcome(0.75, 0.5, size_bytes=500), build_outcome(0.5, 0.25, size_bytes=400)]
    for number, outcome in enumerate([*outcomes, build_failure("it broke"), STOPPED, REFUSED]):
        candidate = build_candidate(jr_weight=float(number))
        run_trial(memory.claims, study.id, number, outcome, candidate=candidate)
    return path


@pytest.fixture
def refine(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], storage: str) -> Callable[..., Ran]:
    def evaluator(spec: Any, _dataset: Any, _parents: Any) -> FakeEvaluator:
        return FakeEvaluator(spec.training.epochs)

    monkeypatch.setattr("search.evaluation.Evaluator", evaluator)
    run = make_runner(monkeypatch, capsys)
    return lambda *arguments: run("refine", "--storage", storage, *arguments)


def test_front_is_refined_stored_shown_and_compared(refine: Callable[..., Ran], storage: str) -> None:
    ran = refine("--select", "front", "--epochs", "6", "--seeds", "2")
    assert ran.code == 0
    assert "refined candidates of digits: 6 epochs, 2 seeds" in ran.output
    assert "search, 3 epochs" in ran.output
    assert "refining 2 candidates: 4 trainings\n" in ran.errors
    assert [line.partition("  ")[0] for line in ran.errors.splitlines()[1:]] == [
        f"trial {number}, seed {seed}" for seed in (1, 2) for number in (0, 1)
    ]
    again = refine("--select", "front", "--epochs", "6", "--seeds", "2", "--json")
    assert (again.code, again.errors) == (0, ""), "nothing is trained again"
    shown = refine("--show", "--json")
    assert json.loads(shown.output) == json.loads(again.output)
    (group,) = json.loads(shown.output)["groups"]
    assert (group["epochs"], group["seeds"], len(group["candidates"])) == (6, 2, 2)
    for candidate in group["candidates"]:
        found = [run["measurement"]["robust_accuracy"] for run in candidate["runs"]]
        assert candidate["robust_accuracy"]["mean"] == pytest.approx(sum(found) / 2)
        assert candidate["robust_accuracy"]["deviation"] == pytest.approx(abs(found[0] - found[1]) / 2**0.5)
        assert candidate["robust_accuracy"]["minimum"] == min(found)
        assert candidate["size_bytes"]["mean"] == 500
        assert candidate["search"]["epochs"] == 3
        (best,) = [run for run in candidate["runs"] if run["artifacts"]]
        assert best["measurement"]["robust_accuracy"] == max(found)
    memory = open_memory(storage)
    front = memory.repository.front(memory.repository.get_study("digits").id)
    assert [(trial.number, trial.measurement and trial.measurement.epochs) for trial in front] == [(0, 3), (1, 3)]


def test_only_like_is_compared_with_like(refine: Callable[..., Ran]) -> None:
    for arguments in (("trial:0", "6", "3"), ("trial:1", "6", "2"), ("trial:1", "9", "2")):
        select, epochs, seeds = arguments
        assert refine("--select", select, "--epochs", epochs, "--seeds", seeds, "--json").code == 0

    def groups(*arguments: str) -> list[tuple[int, int, list[int]]]:
        found = json.loads(refine("--show", "--json", *arguments).output)["groups"]
        return [(item["epochs"], item["seeds"], [each["trial"] for each in item["candidates"]]) for item in found]

    assert groups() == [(6, 3, [0]), (6, 2, [1]), (9, 2, [1])]
    assert groups("--epochs", "6", "--seeds", "2") == [(6, 2, [0, 1])]
    assert groups("--select", "trial:1") == [(6, 2, [1]), (9, 2, [1])]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "refine needs --epochs; the search trains 2 in study 'digits'."),
        (("--epochs", "6", "--select", "all"), "a trial is chosen by front, knee, best:<objective> or trial:<number>"),
        (("--epochs", "6", "--select", "trial:2"), "trial 2 of study 'digits' is failed (it broke); choose a complete"),
        (("--epochs", "6", "--select", "trial:3"), "trial 3 of study 'digits' is stopped"),
        (("--epochs", "6", "--select", "trial:4"), "trial 4 of study 'digits' is refused (too large)"),
        (("--epochs", "6", "--select", "trial:9"), "study 'digits' has no trial 9"),
        (("--epochs", "6", "--study", "other"), "other"),
        (("--show",), "study 'digits' has no such refinement; run `refine --study digits"),
    ],
)
def test_what_cannot_be_refined_is_refused(
    refine: Callable[..., Ran], storage: str, arguments: tuple[str, ...], message: str
) -> None:
    ran = refine(*arguments)
    assert ran.code == 2
    assert message in ran.errors
    memory = open_memory(storage)
    assert memory.refinements.runs(memory.repository.get_study("digits").id) == []


def test_other_data_are_refused(refine: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.data.splits.fingerprint", lambda *_, **__: "0" * 64)
    ran = refine("--epochs", "6")
    assert ran.code == 3
    assert "started on other data" in ran.errors


def test_stopped_refinement_says_how_to_go_on(refine: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: Any, **__: Any) -> None:
        raise StopRequestedError

    monkeypatch.setattr(FakeEvaluator, "evaluate", stop)
    ran = refine("--epochs", "6")
    assert (ran.code, ran.output) == (130, "")
    assert "the same command goes on from there" in ran.errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_stops_after_the_batch_and_the_same_command_goes_on(
    refine: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    evaluate = FakeEvaluator.evaluate

    def signalled(self: FakeEvaluator, *arguments: Any, **options: Any) -> Any:
        os.kill(os.getpid(), number)
        return evaluate(self, *arguments, **options)

    monkeypatch.setattr(FakeEvaluator, "evaluate", signalled)
    previous = signal.signal(signal.SIGTERM, signal.SIG_IGN)  # so that the tests outlive a command that does not listen
    try:
        stopped = refine("--epochs", "6")
    finally:
        signal.signal(signal.SIGTERM, previous)
    assert (stopped.code, stopped.output) == (130, "")
    monkeypatch.setattr(FakeEvaluator, "evaluate", evaluate)
    assert refine("--epochs", "6").code == 0


def test_study_without_a_front_has_nothing_to_refine(refine: Callable[..., Ran], storage: str) -> None:
    memory, spec = open_memory(storage), digits_spec(name="empty")
    memory.repository.create_study(
        name="empty",
        spec=spec.model_dump(mode="json"),
        spec_fingerprint=spec.fingerprint,
        data=digits_dataset().describe(),
        versions={},
    )
    for selection in ("front", "knee"):
        ran = refine("--study", "empty", "--select", selection, "--epochs", "6")
        assert ran.code == 2
        assert "study 'empty' has an empty front: no feasible trial is complete yet." in ran.errors
