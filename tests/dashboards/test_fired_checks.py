"""A trial on which a check fired is marked wherever it is shown, and the checks are told."""

import json
from dataclasses import replace

import plotly.graph_objects as go
import pytest
from plotly.utils import PlotlyJSONEncoder

from dashboards import (
    plot_attack_curves,
    plot_hypervolume,
    plot_layer_choices,
    plot_pareto_front_3d,
    plot_pareto_projections,
    plot_robustness_curves,
)
from dashboards.fired_checks import FiredCheck, Suite, all_checks, fired_checks
from dashboards.infos import (
    check_table_info,
    hypervolume_info,
    layer_choices_info,
    pareto_front_info,
    robustness_curves_info,
    trial_table_info,
)
from dashboards.labels import SUSPECT_NOTE
from dashboards.pages import trial_page, trial_tables
from dashboards.snapshot import StudySnapshot
from storage.audits import AuditRecord
from tests.dashboards.builders import (
    make_audit,
    make_check,
    make_measurement,
    make_outcome,
    make_revision,
    make_snapshot,
    make_trial,
)

SATURATED = make_check("saturated_activations", 0.3125, 0.25)
RANDOM = make_check("deterministic", 0.001, 0.0, is_precondition=True)
GAP = make_check("search_against_audit", 0.07, 0.05)
FINE = make_check("gradients_alive", 0.0, 0.01, passed=True)
PGD = make_outcome("pgd", ("1100", "1000"))
LINE = "check fired: saturated_activations 0.312, bound 0.25"


@pytest.fixture
def suspects() -> StudySnapshot:
    """Trial 0 fired in the search, trial 2 in its audit, trial 1 in an audit that a newer one has replaced."""
    attacks = [PGD]
    return make_snapshot(
        [
            make_trial(0, measurement=make_measurement(checks=[FINE, SATURATED])),
            make_trial(1, measurement=make_measurement(checks=[FINE], size_bytes=400)),
            make_trial(2, measurement=make_measurement(checks=[FINE], size_bytes=300)),
        ],
        front=[0, 1, 2],
        revisions=[make_revision(0, None, 0.0, 0), make_revision(1, 0, 1.0, 1)],
        audits=[
            make_audit(1, attacks, checks=[GAP]),
            make_audit(1, attacks, checks=[FINE]),
            make_audit(2, attacks, checks=[FINE, GAP]),
        ],
    )


def test_audits_and_measurement_decide_what_fired(suspects: StudySnapshot) -> None:
    assert fired_checks(suspects) == {
        0: (FiredCheck(suite=Suite.SEARCH, check=SATURATED),),
        2: (FiredCheck(suite=Suite.AUDIT, check=GAP),),
    }
    assert list(all_checks(suspects)) == [
        (0, Suite.SEARCH),
        (1, Suite.SEARCH),
        (1, Suite.AUDIT),
        (2, Suite.SEARCH),
        (2, Suite.AUDIT),
    ]


@pytest.mark.parametrize(
    "newer",
    [
        make_audit(2, [], checks=None, n_planned=3),
        make_audit(2, [], checks=None, n_planned=3, images=9),
        make_audit(2, [PGD], checks=[replace(GAP, value=0.0, passed=True)], images=2),
        make_audit(2, [PGD], checks=[FINE], is_quick=True),
    ],
    ids=["begun again", "begun with other images", "fewer images", "quick"],
)
def test_mark_stays_when_a_lesser_audit_follows(suspects: StudySnapshot, newer: AuditRecord) -> None:
    again = replace(suspects, audits=(*suspects.audits, newer))
    assert fired_checks(again) == fired_checks(suspects)


def test_check_that_fired_in_several_audits_is_told_once_as_the_newest_has_it(suspects: StudySnapshot) -> None:
    higher = replace(GAP, value=0.09)
    audits = (make_audit(2, [PGD], checks=[higher, RANDOM], images=9), make_audit(2, [PGD], checks=[FINE], images=2))
    fired = fired_checks(replace(suspects, audits=(*suspects.audits, *audits)))[2]
    assert [item.check for item in fired] == [higher, RANDOM]


@pytest.mark.parametrize("images", [4, 9])
def test_newer_audit_of_at_least_the_work_takes_the_place(suspects: StudySnapshot, images: int) -> None:
    again = replace(suspects, audits=(*suspects.audits, make_audit(2, [PGD], checks=[FINE], images=images)))
    assert 2 not in fired_checks(again)


def test_full_audit_takes_the_place_of_a_quick_one_alone(suspects: StudySnapshot) -> None:
    quick, full = make_audit(2, [PGD], checks=[GAP], is_quick=True), make_audit(2, [PGD], checks=[FINE])
    assert 2 not in fired_checks(replace(suspects, audits=(quick, full)))
    assert 2 in fired_checks(replace(suspects, audits=(replace(full, checks=(GAP,)), replace(quick, checks=(FINE,)))))


def test_page_of_a_trial_speaks_of_its_audits_too(suspects: StudySnapshot) -> None:
    begun = replace(suspects, audits=(*suspects.audits, make_audit(2, [], checks=None, n_planned=3)))
    shown = json.dumps(
        [trial_tables.checks(begun, begun.trial(2)), trial_page.outcome(begun, begun.trial(2))], cls=PlotlyJSONEncoder
    )
    assert "1 fired: the robust accuracy is not to be trusted." in shown
    assert "masking suspect" in shown
    assert "4 test examples" in json.dumps(trial_tables.audits(begun, 2), cls=PlotlyJSONEncoder)


def test_table_holds_trials_by_checks_with_preconditions_first(suspects: StudySnapshot) -> None:
    random = make_trial(3, measurement=make_measurement(checks=[SATURATED, RANDOM]))
    info = check_table_info(replace(suspects, trials=(*suspects.trials, random)))
    assert info.checks == ("deterministic", "saturated_activations", "search_against_audit")
    assert info.preconditions == ("deterministic",)
    assert [(row.number, row.suite, row.is_baseline) for row in info.rows] == [
        (0, Suite.SEARCH, True),
        (2, Suite.AUDIT, False),
        (3, Suite.SEARCH, False),
    ]
    assert [row.fired for row in info.rows] == [(None, SATURATED, None), (None, None, GAP), (RANDOM, SATURATED, None)]
    assert (info.n_checked, info.note) == (4, None)


@pytest.mark.parametrize(
    ("snapshot", "note"),
    [
        (make_snapshot(), "no trial is complete yet"),
        (make_snapshot([make_trial(0)]), "no measurement carries checks"),
        (
            make_snapshot([make_trial(0, measurement=make_measurement(checks=[FINE])), make_trial(1)]),
            "no check fired on any of 1 checked trials",
        ),
    ],
)
def test_table_without_rows_says_why(snapshot: StudySnapshot, note: str) -> None:
    assert check_table_info(snapshot).note == note


def test_suspects_are_ringed_and_the_pointer_still_meets_the_point(suspects: StudySnapshot) -> None:
    info = pareto_front_info(suspects)
    assert [point.is_suspect for point in info.points] == [True, False, True]
    assert info.points[0].hover[:5] == (
        "trial 0? (baseline)",
        "clean accuracy: 90.0%",
        "robust accuracy: 50.0%",
        "size: 500 B",
        LINE,
    )
    assert "check fired in the audit: search_against_audit 0.07, bound 0.05" in info.points[2].hover
    for figure, n_panels in ((plot_pareto_front_3d(info), 1), (plot_pareto_projections(info), 3)):
        rings = [trace for trace in figure.data if trace.name == "masking suspect (?)"]
        assert len(rings) == n_panels
        assert [bool(ring.showlegend is not False) for ring in rings] == [True] + [False] * (n_panels - 1)
        assert all((len(ring.x), ring.hoverinfo, ring.marker.symbol) == (2, "skip", "circle-open") for ring in rings)
        assert "baseline: trial 0?, on the front" in {trace.name for trace in figure.data}


def test_curves_of_suspects_have_the_mark_in_legend_and_hover(suspects: StudySnapshot) -> None:
    info = robustness_curves_info(suspects)
    for figure in (plot_robustness_curves(info), plot_attack_curves(info)):
        lines = {trace.name: trace for trace in figure.data if trace.name}
        assert set(lines) == {"#0? baseline", "#1 baseline", "#2?"}
        assert lines["#0? baseline"].hovertext[1].endswith(LINE)
        assert "check" not in lines["#1 baseline"].hovertext[1]
        assert SUSPECT_NOTE in figure.layout.title.subtitle.text


def test_columns_of_layer_choices_have_the_mark(suspects: StudySnapshot) -> None:
    figure = plot_layer_choices(layer_choices_info(suspects))
    assert list(figure.data[0].x) == ["#2?", "#1", "#0?"]
    assert [LINE in text for text in figure.data[0].customdata[0]] == [False, False, True]
    assert figure.layout.title.subtitle.text == SUSPECT_NOTE


def test_hypervolume_marks_the_trial_of_a_revision_and_the_baselines(suspects: StudySnapshot) -> None:
    info = hypervolume_info(suspects)
    assert info.suspect_baselines == (0,)
    figure = plot_hypervolume(info)
    assert figure.data[0].hovertext[1].startswith("revision 1, by trial 0?<br>")
    assert figure.data[0].hovertext[1].endswith(LINE)
    assert figure.layout.annotations[0].text.startswith("baselines alone (trials 0?, 1)")


def test_rows_of_the_front_have_the_mark(suspects: StudySnapshot) -> None:
    assert [(row.number, row.is_suspect) for row in trial_table_info(suspects).rows] == [
        (2, True),
        (1, False),
        (0, True),
    ]


def test_without_suspects_nothing_is_explained() -> None:
    snapshot = make_snapshot([make_trial(0), make_trial(2)], front=[0, 2])
    figures: list[go.Figure] = [
        plot_pareto_front_3d(pareto_front_info(snapshot)),
        plot_layer_choices(layer_choices_info(snapshot)),
        plot_robustness_curves(robustness_curves_info(snapshot)),
    ]
    for figure in figures:
        assert "suspect" not in figure.to_json()
