"""What is shown of audits, against numbers worked out by hand on four images."""

from dataclasses import replace
from unittest.mock import Mock

import pytest

from dashboards import plot_audit_curves
from dashboards.infos import audit_comparison_info, audit_curves_info, audits_info
from dashboards.snapshot import StudySnapshot
from spaces.norms import Norm
from storage.audits import AuditRepository
from tests.dashboards.builders import (
    EPSILONS,
    make_audit,
    make_check,
    make_measurement,
    make_outcome,
    make_snapshot,
    make_trial,
)

GAP = make_check("search_against_audit", 0.07, 0.05)
# Per image under the worst of both: 1100 at 0.1, 1000 at 0.2.
PGD = make_outcome("pgd", ("1110", "1010"))
FMN = make_outcome("fmn", ("1101", "1000"), distances=[0.3, 0.15, 0.05, 0.25])
FMN_L2 = make_outcome("fmn", ("1111", "0111"), norm=Norm.L2, epsilons=(0.5, 1.0), distances=[0.8, 1.5, 2.0, 2.5])


@pytest.fixture
def audited() -> StudySnapshot:
    """Baseline 0 with a full audit, trial 2 with two of three attacks, trial 4 whose audit has just begun."""
    return make_snapshot(
        [make_trial(number, measurement=make_measurement(size_bytes=100 * number + 100)) for number in range(6)],
        front=[0, 2],
        audits=[
            make_audit(2, [PGD], checks=None),
            make_audit(0, [PGD, FMN, FMN_L2], checks=[GAP]),
            make_audit(2, [PGD, FMN], right="1101", checks=None, n_planned=3),
            make_audit(4, [], checks=None, n_planned=3),
        ],
    )


def test_newest_audit_of_each_trial_is_summed_up(audited: StudySnapshot) -> None:
    info = audits_info(audited)
    first, second, third = info.audits
    assert (first.number, second.number, third.number) == (0, 2, 4)
    assert (first.is_baseline, first.is_suspect, first.has_all_attacks, first.is_quick) == (True, True, True, False)
    assert first.fired == (GAP,)
    assert (second.has_all_attacks, second.n_attacks, second.n_planned, second.fired) == (False, 2, 3, None)
    assert (second.clean_accuracy, second.n_examples) == (0.75, 4)
    assert second.clean_interval == pytest.approx((0.300642, 0.954413), abs=1e-6)
    linf = first.worst_case(Norm.LINF)
    assert linf is not None
    assert (linf.epsilons, linf.accuracy) == (EPSILONS, (0.5, 0.25))
    assert linf.intervals[0] == pytest.approx((0.150039, 0.849961), abs=1e-6)
    assert second.worst_case(Norm.L2) is None
    assert third.worst_cases == ()
    assert info.norms == (Norm.LINF, Norm.L2)
    assert info.epsilons(Norm.L2) == (0.5, 1.0)


def test_finished_audit_is_shown_until_a_newer_one_is_finished(audited: StudySnapshot) -> None:
    begun, smaller = make_audit(0, [PGD], checks=None, n_planned=3), make_audit(0, [PGD], images=2)
    again = replace(audited, audits=(*audited.audits, begun))
    assert audits_info(again).audits[0].n_attacks == 3
    assert [curve.number for curve in audit_curves_info(again).curves] == [0, 2]
    first = audits_info(replace(again, audits=(*again.audits, smaller))).audits[0]
    assert (first.n_attacks, first.fired, first.is_suspect) == (1, (), True)


def test_study_without_audits_says_how_to_make_one() -> None:
    assert audits_info(make_snapshot()).note == (
        "no trial is audited yet; an audit attacks a stored model for minutes, on test examples: "
        "`python -m search audit --study tiny --select knee`"
    )


def test_snapshot_reads_the_audits_of_its_study() -> None:
    record = make_audit(0, [PGD])
    repository = Mock(spec=AuditRepository)
    repository.audits.return_value = [record]
    assert make_snapshot().with_audits(repository).audits == (record,)
    repository.audits.assert_called_once_with(1)


def test_audited_curve_stands_beside_the_search_s_own(audited: StudySnapshot) -> None:
    info = audit_curves_info(audited)
    assert [curve.number for curve in info.curves] == [0, 2]
    curve = info.curves[0]
    assert (curve.epsilons, curve.audited) == ((0.0, *EPSILONS), (1.0, 0.5, 0.25))
    assert (curve.search_epsilons, curve.searched) == ((0.0, *EPSILONS), (0.9, 0.6, 0.4))
    assert curve.upper[0] == pytest.approx(1.0)
    assert curve.lower[1] == pytest.approx(0.150039, abs=1e-6)
    figure = plot_audit_curves(info)
    lines = [trace for trace in figure.data if trace.hovertext]
    assert [(line.line.dash, line.showlegend) for line in lines] == [("dash", False), (None, None)] * 2
    assert [line.name for line in lines if line.name] == ["#0? baseline", "#2"]
    assert "audit, 4 test examples" in lines[1].hovertext[0]
    assert lines[1].hovertext[1].endswith("bound 0.05")
    assert figure.data[-1].name == "the search's own"


def test_six_curves_at_most_baselines_first_then_spread_over_size() -> None:
    trials = [make_trial(n, measurement=make_measurement(size_bytes=1000 - n)) for n in range(12)]
    audits = [make_audit(n, [PGD]) for n in range(12)]
    info = audit_curves_info(make_snapshot(trials, audits=audits))
    assert [curve.number for curve in info.curves] == [0, 1, 11, 8, 5, 2]


def test_chosen_trials_that_are_audited_are_drawn(audited: StudySnapshot) -> None:
    assert [curve.number for curve in audit_curves_info(audited, [5, 2, 4]).curves] == [2]
    assert audit_curves_info(audited, [5]).note == "none of the chosen trials is audited"
    only_begun = make_snapshot([make_trial(4)], audits=[make_audit(4, [], n_planned=3)])
    info = audit_curves_info(only_begun)
    assert info.note == "no audit has a finished L-inf attack yet"
    assert plot_audit_curves(info).layout.annotations[0].text == "No audit has a finished L-inf attack yet."


def test_trials_are_compared_with_the_first_audited_baseline() -> None:
    better = make_outcome("pgd", ("1111", "1111"))
    snapshot = make_snapshot(
        [make_trial(number) for number in range(5)],
        audits=[
            make_audit(1, [PGD], checks=[GAP]),
            make_audit(2, [better]),
            make_audit(3, [better], images=8),
            make_audit(4, [better], n_planned=1, checks=None),
        ],
    )
    info = audit_comparison_info(snapshot)
    assert info.title == "Audited trials against the baseline #1?, example by example"
    assert [trial.number for trial in info.trials] == [2, 4]
    assert info.left_out == (3,)
    assert info.epsilons(Norm.LINF) == EPSILONS
    small, large = info.trials[0].of_norm(Norm.LINF)
    # Kept by trial 2 alone: one image, then two; mid-p of 1 : 0 is 0.5, of 2 : 0 is 0.25.
    assert (small.only_first, small.only_second, small.p_value) == (1, 0, 0.5)
    assert (large.only_first, large.only_second, large.p_value) == (2, 0, 0.25)
    assert info.note is None


def test_unfinished_audits_are_not_compared(audited: StudySnapshot) -> None:
    info = audit_comparison_info(audited)
    assert (info.trials, info.left_out) == ((), (2, 4))
    assert info.note == "no other trial has a finished audit of the examples, radii and attacks of baseline #0"


def test_without_an_audited_baseline_there_is_no_comparison() -> None:
    snapshot = make_snapshot([make_trial(2), make_trial(3)], audits=[make_audit(2, [PGD]), make_audit(3, [PGD])])
    assert audit_comparison_info(snapshot).note == "no baseline is audited, so no trial is compared with one"
