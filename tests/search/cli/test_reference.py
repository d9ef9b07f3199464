"""`reference` from the command line down to the database, with a family of two models in NumPy."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import search.reference_setup
from search.references.base import LoadedReference, ReferenceContext, ReferenceFile
from storage.reference_models import ReferenceRecord
from tests.search.cli.running import Ran, make_runner
from tests.search.cli.short_audits import ATTACKS, FAMILY, Steps, install, store_study

N_ATTACKS = 2 * len(ATTACKS)  # in both norms
FILE = ReferenceFile(path="theirs/model.h5", sha256="0" * 64, address="https://example.org")


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    return install(monkeypatch)


@pytest.fixture
def storage(tmp_path: Path) -> str:
    path = str(tmp_path / "studies.db")
    store_study(path)
    return path


@pytest.fixture
def reference(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], storage: str, steps: Steps
) -> Callable[..., Ran]:
    run = make_runner(monkeypatch, capsys)
    common = ("--storage", storage, "--study", "digits", "--images", "40", "--quick")
    return lambda *arguments, model=FAMILY: run("reference", "--model", model, *common, *arguments)


def stored(storage: str) -> list[ReferenceRecord]:
    from search.bootstrap import open_memory

    memory = open_memory(storage)
    return memory.references.references(memory.repository.get_study("digits").id)


def test_both_models_are_audited_stored_and_printed(reference: Callable[..., Ran], storage: str, steps: Steps) -> None:
    ran = reference()
    assert ran.code == 0
    assert "audit of a linear model: 40 test examples" in ran.errors
    assert [name in ran.output for name in ("linear ", "linear-float", "1,000", "4,000")] == [True] * 4
    assert [(record.name, record.has_all_attacks, record.checks is None) for record in stored(storage)] == [
        ("linear", True, False),
        ("linear-float", True, False),
    ]
    assert len(steps.run) == 2 * N_ATTACKS


def test_json_has_the_figures_alone_and_nothing_is_attacked_twice(reference: Callable[..., Ran], steps: Steps) -> None:
    first = reference("--json")
    n_run = len(steps.run)
    again = reference("--json")
    assert (first.code, first.errors, again.output) == (0, "", first.output)
    assert len(steps.run) == n_run
    values = json.loads(first.output)
    assert [(item["name"], item["size_bytes"], item["n_examples"]) for item in values] == [
        ("linear", 1000, 40),
        ("linear-float", 4000, 40),
    ]
    for item in values:
        (linf,) = (worst["accuracy"] for worst in item["worst_case"] if worst["norm"] == "linf")
        assert item["robust_accuracy"] == pytest.approx(sum(linf) / len(linf))
        assert item["source"] == {"made": "by hand"}
        assert [(attack["name"], attack["norm"]) for attack in item["attacks"]] == [
            (name, norm) for norm in ("linf", "l2") for name in ATTACKS
        ]


def test_interrupted_audit_goes_on_with_the_attack_that_is_missing(
    reference: Callable[..., Ran], storage: str, steps: Steps
) -> None:
    steps.stop_at = N_ATTACKS + 3
    stopped = reference()
    assert (stopped.code, stopped.output) == (130, "")
    assert "stopped; the finished epochs and attacks are stored, the same command goes on from there" in stopped.errors
    assert [record.name for record in stored(storage)] == ["linear"], "only what is finished is shown"
    before, steps.stop_at = list(steps.run), None
    resumed = reference()
    assert resumed.code == 0
    assert "audit of a linear-float model: 40 test examples" in resumed.errors
    assert "2 of them stored already" in resumed.errors
    assert steps.run[len(before) :] == [f"{name} {norm}" for norm in ("linf", "l2") for name in ATTACKS][2:]


def test_interruption_while_models_are_made_ready_says_how_to_go_on(
    reference: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: ReferenceContext) -> tuple[LoadedReference, ...]:
        raise KeyboardInterrupt

    monkeypatch.setattr(search.reference_setup, "find_references", lambda _: interrupted)
    ran = reference()
    assert ran.code == 130
    assert "the same command goes on from there" in ran.errors


def test_family_that_is_trained_here_shows_its_progress(
    reference: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    def trains(context: ReferenceContext) -> tuple[LoadedReference, ...]:
        context.watch.on_parent({"width": 1.0})
        return ()

    monkeypatch.setattr(search.reference_setup, "find_references", lambda _: trains)
    monkeypatch.setattr("search.cli.reference_table.print_references", lambda *_: None)
    assert "training linear; it is kept for later runs" in reference().errors


def needs_a_file(context: ReferenceContext) -> tuple[LoadedReference, ...]:
    FILE.read(context.roots)
    return ()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            "resnet",
            "unknown reference model 'resnet'; known: mlcommons-resnet8, mlcommons-dscnn, plain-resnet8, linear",
        ),
        ("mlcommons-resnet8", "mlcommons-resnet8 classifies cifar10; the study's data are digits"),
        ("mlcommons-dscnn", "mlcommons-dscnn classifies recordings of words; the study's data are digits"),
        ("plain-resnet8", "plain-resnet8 is for images and studies of the topology resnet8"),
    ],
)
def test_family_that_does_not_fit_is_refused(
    reference: Callable[..., Ran], storage: str, model: str, message: str
) -> None:
    ran = reference(model=model)
    assert (ran.code, ran.output) == (2, "")
    assert message in ran.errors
    assert stored(storage) == []


def test_missing_file_says_where_to_get_it(
    reference: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(search.reference_setup, "find_references", lambda _: needs_a_file)
    ran = reference("--data-dir", str(tmp_path))
    assert ran.code == 2
    assert f"theirs/model.h5 was not found; looked in {tmp_path}" in ran.errors
    assert "Get it from https://example.org" in ran.errors


def test_unknown_study_and_too_few_images_are_refused(reference: Callable[..., Ran]) -> None:
    assert "its studies: 'digits'" in reference("--study", "other").errors
    few = reference("--images", "3")
    assert few.code == 2
    assert "--images" in few.errors


def test_other_data_are_refused(reference: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.data.splits.fingerprint", lambda *_, **__: "0" * 64)
    ran = reference()
    assert ran.code == 3
    assert "started on other data" in ran.errors


def test_no_figure_is_cut_short_on_a_narrow_console(
    reference: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    ran = reference()
    assert ran.code == 0
    assert "\N{HORIZONTAL ELLIPSIS}" not in ran.output
