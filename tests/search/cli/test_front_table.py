"""How a front is printed, from records made by hand."""

import io

from rich.console import Console

from dashboards.figures.frame import SYNTHETIC_WARNING
from dashboards.snapshot import StudySnapshot
from search.cli.front_table import csv_rows, front_values, print_front
from storage.records import TrialState
from tests.dashboards.builders import (
    FOUR,
    make_audit,
    make_candidate,
    make_check,
    make_measurement,
    make_revision,
    make_snapshot,
    make_study,
    make_trial,
)


def printed(snapshot: StudySnapshot) -> str:
    output = io.StringIO()
    print_front(Console(file=output, width=80), snapshot)
    return output.getvalue()


def cells(text: str, number: str) -> list[str]:
    (line,) = [line for line in text.splitlines() if line.startswith("│") and line.split()[1] == number]
    return [cell.strip() for cell in line.strip("│").split("│")]


def test_row_holds_objectives_worst_cases_mean_bits_and_total_jacobian_weight():
    candidate = make_candidate({"a": (4, 8, 0.01), "b": (8, 3, 0.02), "c": (3, None, 0.0)})
    trial = make_trial(5, candidate=candidate, measurement=make_measurement(clean=0.9, size_bytes=12345))
    snapshot = make_snapshot([trial], front=[5], revisions=[make_revision(0, None, 0, 0), make_revision(1, 5, 2.5, 1)])
    text = printed(snapshot)
    assert "Pareto front of tiny: 1 trials, revision 1" in text
    assert cells(text, "5") == ["5", "0.900", "0.500", "12,345", "0.60 0.40", "5.0/5.5", "0.03"]
    assert "hypervolume 2.5" in text


def test_baseline_outside_the_front_has_a_table_of_its_own_and_a_star():
    trials = [make_trial(0, violated=(0.1,)), make_trial(5)]
    snapshot = make_snapshot(trials, front=[5], revisions=[make_revision(0, None, 0, 0), make_revision(1, 5, 2.5, 1)])
    _, outside = printed(snapshot).split("baselines that are not on the front")
    assert cells(outside, "0*")[1] == "0.900"


def test_suspects_have_a_question_mark_in_every_form():
    checked = make_trial(5, measurement=make_measurement(checks=[make_check("twice_the_steps")]))
    trials = [make_trial(0), checked, make_trial(6)]
    snapshot = make_snapshot(
        trials,
        front=[5, 6],
        revisions=[make_revision(1, 5, 2.5, 1)],
        audits=[make_audit(0, [], checks=[make_check("search_against_audit")])],
    )
    text = printed(snapshot)
    assert [cells(text, name)[0] for name in ("5?", "6", "0*?")] == ["5?", "6", "0*?"]
    assert "? behind a number: masking suspect, a check fired, see docs/checks.md" in text
    assert [(value["number"], value["masking_suspect"]) for value in front_values(snapshot)] == [(5, True), (6, False)]
    header, *rows = csv_rows(snapshot)
    assert [row[header.index("masking_suspect")] for row in rows] == ["true", "false"]
    assert [len(row) for row in rows] == [len(header)] * 2


def test_front_without_suspects_explains_no_mark():
    text = printed(make_snapshot([make_trial(5)], front=[5], revisions=[make_revision(1, 5, 2.5, 1)]))
    assert "suspect" not in text


def test_columns_are_the_study_s_objectives_and_fit_80_columns():
    snapshot = make_snapshot(
        [make_trial(5, measurement=make_measurement(macs=50))],
        front=[5],
        study=make_study(objectives=FOUR),
        revisions=[make_revision(1, 5, 2.5, 1)],
    )
    text = printed(snapshot)
    assert cells(text, "5")[1:5] == ["0.900", "0.500", "500", "50"]
    assert max(len(line) for line in text.splitlines() if line.startswith("│")) <= 80


def test_empty_front_says_what_became_of_the_trials_and_why_the_first_one_failed():
    trials = [
        make_trial(0, violated=(0.1,)),
        make_trial(1, state=TrialState.FAILED, reason="the loss [nan] is not finite"),
        make_trial(2, state=TrialState.FAILED, reason="another reason"),
        make_trial(3, state=TrialState.REFUSED, reason="the same candidate as trial 0"),
    ]
    text = printed(make_snapshot(trials, revisions=[make_revision(0, None, 0, 0)]))
    assert text.splitlines()[0] == (
        "the Pareto front of tiny is empty, because no trial is feasible: 2 failed, 1 infeasible; "
        "trial 1 failed: the loss [nan] is not finite"
    )


def test_empty_front_of_an_earlier_revision_does_not_blame_the_trials():
    text = printed(make_snapshot([make_trial(5)], revisions=[make_revision(0, None, 0, 0)]))
    assert text.splitlines()[0] == "the Pareto front of tiny is empty at revision 0"


def test_synthetic_figures_come_after_the_report_s_warning():
    revisions = [make_revision(1, 5, 2.5, 1)]
    study = make_study(is_synthetic=True)
    text = printed(make_snapshot([make_trial(5)], front=[5], study=study, revisions=revisions))
    assert text.splitlines()[0] == SYNTHETIC_WARNING
    assert SYNTHETIC_WARNING not in printed(make_snapshot([make_trial(5)], front=[5], revisions=revisions))
