"""How refined candidates are printed: clean accuracies lie 0.125 above robust ones, the search's are 0.75 and 0.5."""

from dataclasses import replace
from datetime import UTC, datetime

from rich.console import Console

from search.cli.refine_table import print_refined, refined_values
from search.refined import refined_groups
from storage.records import StudyRecord
from storage.refinements import RefinementRun
from tests.builders import build_spec
from tests.search.refined_builders import FIRED, WITHHELD, build_runs, build_trial

SPEC = build_spec()
STUDY = StudyRecord(
    id=1,
    name="tiny",
    spec=SPEC.model_dump(mode="json"),
    spec_fingerprint=SPEC.fingerprint,
    data={"name": "digits", "is_synthetic": False},
    versions={},
    created_at=datetime(2026, 5, 1, tzinfo=UTC),
)
TRIALS = [build_trial(0), build_trial(1, checks=[FIRED]), build_trial(2)]


def printed(*runs: RefinementRun, study: StudyRecord = STUDY) -> str:
    console = Console(width=80)
    with console.capture() as capture:
        print_refined(console, study, refined_groups(TRIALS, runs, SPEC))
    return capture.get()


def cells(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in text.splitlines() if line.startswith("│")]


def test_mean_and_spread_stand_beside_what_the_search_measured() -> None:
    text = printed(*build_runs(0, [0.25, 0.5, 0.75]))
    assert "refined candidates of tiny: 6 epochs, 3 seeds" in text
    assert cells(text) == [
        ["0", "mean of 3", "0.625 ±0.250", "0.500 ±0.250", "500"],
        ["", "lowest to highest", "0.375 to 0.875", "0.250 to 0.750", ""],
        ["", "search, 3 epochs", "0.750", "0.500", "500"],
    ]
    assert "not dominated on the means: 0\n" in text
    assert "masking suspect" not in text


def test_one_seed_has_no_deviation_and_no_range() -> None:
    text = printed(*build_runs(0, [0.25], epochs=1))
    assert "1 epoch, 1 seed" in text
    assert cells(text) == [
        ["0", "mean of 1", "0.375", "0.250", "500"],
        ["", "search, 3 epochs", "0.750", "0.500", "500"],
    ]


def test_fired_check_of_any_run_or_of_the_search_marks_the_figures_that_it_belongs_to() -> None:
    refined = build_runs(0, [0.25, 0.5], checks=[FIRED])
    text = printed(*refined, *build_runs(1, [0.25, 0.5]))
    assert [row[0] for row in cells(text)] == ["0?", "", "", "1", "", "1?"]
    assert "masking suspect, a check fired, see docs/checks.md" in text


def test_failed_run_and_one_that_does_not_count_are_told_with_their_reasons() -> None:
    text = printed(*build_runs(0, [0.5, None]), *build_runs(1, [None, None]), *build_runs(2, [0.5], checks=[WITHHELD]))
    assert ["0", "mean of 1 of 2", "0.625", "0.500", "500"] in cells(text)
    assert ["1", "mean of 0 of 2", "-", "-", "-"] in cells(text)
    assert "trial 0, seed 2 failed: the loss [nan] is not finite" in text
    assert "trial 2, seed 1 does not count: failed preconditions of the attacks: deterministic" in text
    assert "none is feasible on the means" in text


def test_every_table_fits_80_columns_and_has_a_front_of_its_own() -> None:
    text = printed(*build_runs(0, [0.5, 0.5]), *build_runs(1, [0.25, 0.25]), *build_runs(2, [0.25, 0.25], epochs=9))
    assert max(len(line) for line in text.splitlines() if line.startswith(("│", "┏"))) <= 80
    assert [line for line in text.splitlines() if line.startswith("not dominated")] == [
        "not dominated on the means: 0",
        "not dominated on the means: 2",
    ]


def test_synthetic_data_are_marked() -> None:
    study = replace(STUDY, data={"name": "digits", "is_synthetic": True})
    assert "synthetic" in printed(*build_runs(0, [0.5]), study=study)
    assert refined_values(study, ())["is_synthetic"] is True


def test_json_has_every_run_and_null_where_nothing_was_measured() -> None:
    runs = [*build_runs(0, [0.25, 0.75], checks=[FIRED]), *build_runs(1, [None, None])]
    (group,) = refined_values(STUDY, refined_groups(TRIALS, runs, SPEC))["groups"]
    measured, failed = group["candidates"]
    assert (group["epochs"], group["seeds"], group["front"]) == (6, 2, [0])
    assert (measured["trial"], measured["masking_suspect"], measured["counts"]) == (0, True, True)
    assert measured["robust_accuracy"]["mean"] == 0.5
    assert [run["measurement"]["checks"] for run in measured["runs"]] == [[FIRED.to_json()]] * 2
    assert (failed["clean_accuracy"], failed["counts"]) == (None, False)
    assert [run["reason"] for run in failed["runs"]] == ["the loss [nan] is not finite"] * 2
