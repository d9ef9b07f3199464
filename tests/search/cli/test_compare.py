"""`compare` from the command line down to the database, with trials and a reference whose models are in NumPy."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.search.cli.running import Ran, make_runner
from tests.search.cli.short_audits import ATTACKS, FAMILY, SIZES, Steps, install, store_study

N_ATTACKS = 2 * len(ATTACKS)  # in both norms
AUDITING = ("--images", "40", "--quick")


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    return install(monkeypatch)


@pytest.fixture
def compare(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, steps: Steps
) -> Callable[..., Ran]:
    storage = str(tmp_path / "studies.db")
    store_study(storage)
    run = make_runner(monkeypatch, capsys)
    common = ("--storage", storage, "--study", "digits")
    return lambda *arguments, reference=FAMILY: run("compare", "--reference", reference, *common, *arguments)


def test_what_lacks_an_audit_gets_one_and_both_tables_are_printed(compare: Callable[..., Ran], steps: Steps) -> None:
    ran = compare(*AUDITING)
    assert ran.code == 0
    assert len(steps.run) == 3 * N_ATTACKS, "the named reference and two trials; not the float model"
    for text in ("front of digits beside a linear model: 40 test examples", "at most as large", "at most a quarter"):
        assert text in ran.output
    assert ran.output.count("accuracy under each L-inf attack") == 3, "of the reference and of both trials"
    n_run = len(steps.run)
    shown = compare()
    assert (shown.output, shown.errors, len(steps.run)) == (ran.output, "", n_run)


def test_stored_audits_are_chosen_by_their_size_and_nothing_is_attacked(
    compare: Callable[..., Ran], steps: Steps
) -> None:
    first = compare("--images", "40", "--quick")
    compare("--images", "20", "--quick")
    n_run = len(steps.run)
    again = compare("--images", "40", "--quick", "--show")
    assert (again.code, again.output, len(steps.run)) == (0, first.output, n_run)
    assert "digits beside a linear model: 20 test examples" in compare("--images", "20", "--quick", "--show").output
    missing = compare("--images", "40", "--show")
    assert (missing.code, missing.output, len(steps.run)) == (2, "", n_run)
    assert "with --images 40 (it has: --images 40 --quick, --images 20 --quick)" in missing.errors


def test_front_of_an_earlier_revision_is_compared_with_what_was_audited_then(
    compare: Callable[..., Ran], steps: Steps
) -> None:
    before = compare(*AUDITING, "--at", "1")
    assert len(steps.run) == 2 * N_ATTACKS, "the reference and the only trial of that front"
    assert before.output.count("accuracy under each L-inf attack") == 2
    n_run = len(steps.run)
    assert compare("--at", "1").output == compare(*AUDITING, "--show", "--at", "1").output == before.output
    assert len(steps.run) == n_run
    missing = compare("--at", "9")
    assert (missing.code, missing.output) == (2, "")
    assert "the front has revisions 0 to 2; got 9" in missing.errors


def test_json_has_every_figure(compare: Callable[..., Ran]) -> None:
    ran = compare(*AUDITING, "--json")
    assert (ran.code, ran.errors) == (0, "")
    values = json.loads(ran.output)
    assert (values["reference"]["label"], values["n_examples"]) == (FAMILY, 40)
    assert sorted(model["size_bytes"] for model in values["models"]) == sorted(SIZES)
    assert sorted(values["at_most_as_large"]) == [0, 1]
    assert values["at_most_a_quarter"] == [1]
    for model in values["models"]:
        everything = next(view for view in model["views"] if view["name"] == "all attacks")
        for view in model["views"]:
            assert len(view["comparisons"]) == len(values["epsilons"])
            assert view["mean_gain"] == pytest.approx(
                view["mean"] - next(own["mean"] for own in values["reference"]["views"] if own["name"] == view["name"])
            )
            pairs = zip(everything["accuracy"], view["accuracy"], strict=True)
            assert all(worst <= accuracy for worst, accuracy in pairs)
        assert [attack["name"] for attack in model["attacks"]] == list(ATTACKS)
        for attacked in (*model["attacks"], *model["beyond"]):
            assert len(attacked["comparisons"]) == len(attacked["intervals"]) == len(attacked["accuracy"])


def test_float_model_is_a_reference_of_its_own(compare: Callable[..., Ran]) -> None:
    values = json.loads(compare(*AUDITING, "--json", reference=f"{FAMILY}-float").output)
    assert (values["title"], values["reference"]["size_bytes"]) == ("a linear-float model", 4000)
    assert sorted(values["at_most_a_quarter"]) == [0, 1], "a quarter of 4,000 bytes"


def test_interrupted_audits_go_on(compare: Callable[..., Ran], steps: Steps) -> None:
    steps.stop_at = N_ATTACKS + 2
    stopped = compare(*AUDITING)
    assert (stopped.code, stopped.output) == (130, "")
    assert "the same command goes on from there" in stopped.errors
    partly = compare()
    assert partly.code == 0
    assert "without a finished audit of the same examples, radii and attacks: 0, 1; --images 40 --quick runs them" in (
        partly.output
    )
    steps.stop_at = None
    assert compare(*AUDITING).code == 0
    assert len(steps.run) == 3 * N_ATTACKS, "nothing was attacked twice"


@pytest.mark.parametrize(
    ("arguments", "reference", "message"),
    [
        ((), FAMILY, "no audited reference model 'linear' (it has: none); run `reference --study digits --model NAME`"),
        (AUDITING, "resnet", "unknown reference model 'resnet'"),
        (("--study", "other"), FAMILY, "its studies: 'digits'"),
        (("--images", "3"), FAMILY, "--images"),
        (("--quick",), FAMILY, "--quick chooses audits together with --images N"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    compare: Callable[..., Ran], arguments: tuple[str, ...], reference: str, message: str
) -> None:
    ran = compare(*arguments, reference=reference)
    assert (ran.code, ran.output) == (2, "")
    assert message in ran.errors


def test_no_figure_is_cut_short_on_a_narrow_console(
    compare: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    ran = compare(*AUDITING)
    assert ran.code == 0
    assert "\N{HORIZONTAL ELLIPSIS}" not in ran.output
