"""A study's models beside a reference, against numbers worked out by hand on four images."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from dashboards.figures.reference_comparison import plot_reference_comparison, shown_models
from dashboards.images import study_figures
from dashboards.infos.compared_models import ReferenceComparisonInfo
from dashboards.infos.reference_comparison import reference_comparison_info, stored_audit_key
from dashboards.reference_section import reference_parts
from dashboards.snapshot import StudySnapshot
from spaces.audit import CleanCount
from spaces.check_result import CheckResult
from spaces.errors import SelectionError
from spaces.statistics import wilson_interval
from storage.reference_models import ReferenceRecord
from tests.dashboards.builders import START, make_audit, make_measurement, make_outcome, make_snapshot, make_trial

# The reference keeps one of four images at 0.1 under PGD, and two under Square, which knows no gradients.
THEIRS = [make_outcome("pgd", ("1000", "0000")), make_outcome("square", ("1100", "1000"))]
OURS = [make_outcome("pgd", ("1110", "1100")), make_outcome("square", ("1111", "1110"))]
SMALL = [make_outcome("pgd", ("1100", "1000")), make_outcome("square", ("1110", "1100"))]


def make_reference(
    *, size_bytes: int = 1000, images: int = 4, key: str = "r", checks: Sequence[CheckResult] | None = ()
) -> ReferenceRecord:
    return ReferenceRecord(
        id=1,
        study_id=1,
        name="theirs",
        title="Theirs",
        size_bytes=size_bytes,
        source={},
        key=key,
        settings={"n_attacks": 2, "quick": False, "images": images},
        is_right=np.array([True, True, True, False]),
        whole_test=CleanCount(n_right=90, n_examples=100),
        attacks=tuple(THEIRS),
        checks=None if checks is None else tuple(checks),
        created_at=START,
    )


@pytest.fixture
def snapshot() -> StudySnapshot:
    """Trial 2 as large as the reference, 3 a quarter, 4 larger, 5 with other images; 6 is not on the front."""
    sizes = {2: 1000, 3: 250, 4: 1001, 5: 100, 6: 100}
    trials = [make_trial(number, measurement=make_measurement(size_bytes=size)) for number, size in sizes.items()]
    audits = [make_audit(2, OURS), make_audit(3, SMALL), make_audit(4, OURS), make_audit(5, OURS, images=9)]
    made = make_snapshot(trials, front=[2, 3, 4, 5], audits=[*audits, make_audit(6, OURS)])
    return replace(made, reference_audits=(make_reference(),))


@pytest.fixture
def info(snapshot: StudySnapshot) -> ReferenceComparisonInfo:
    return reference_comparison_info(snapshot, "theirs")


def test_models_are_sorted_into_the_size_classes(info: ReferenceComparisonInfo) -> None:
    assert [model.number for model in info.models] == [2, 4, 3]
    assert [model.number for model in info.as_large] == [2, 3], "trial 4 is a byte too large"
    assert [model.number for model in info.a_quarter] == [3]
    assert info.left_out == (5,)


def test_white_box_and_black_box_stand_apart(info: ReferenceComparisonInfo) -> None:
    ours = info.models[0]
    assert {view.name: view.accuracy for view in ours.views} == {
        "all attacks": (0.75, 0.5),
        "white box": (0.75, 0.5),
        "black box": (1.0, 0.75),
    }
    assert {view.name: view.accuracy for view in info.reference.views} == {
        "all attacks": (0.25, 0.0),
        "white box": (0.25, 0.0),
        "black box": (0.5, 0.25),
    }
    assert ours.view("white box").mean_gain == pytest.approx((0.5 + 0.5) / 2)
    assert ours.view("black box").mean_gain == pytest.approx((0.5 + 0.5) / 2)
    assert info.reference.view("white box").mean_gain is None


def test_gain_has_the_interval_of_the_images_differences(info: ReferenceComparisonInfo) -> None:
    # Ours keeps images 1 to 3 at (2, 2, 1, 0) of two radii, theirs at (1, 0, 0, 0): differences 0.5, 1, 0.5, 0.
    interval = info.models[0].view("white box").gain_interval
    assert interval == pytest.approx((0.5 - 1.959964 * 0.408248 / 2, 0.5 + 1.959964 * 0.408248 / 2), abs=1e-5)
    assert info.reference.view("white box").gain_interval is None


def test_audit_that_most_of_the_front_compares_with_is_chosen_unless_one_is_named(snapshot: StudySnapshot) -> None:
    later = make_reference(images=9, key="later")
    both = replace(snapshot, reference_audits=(make_reference(), later))
    assert [model.number for model in reference_comparison_info(both, "theirs").models] == [2, 4, 3]
    assert [model.number for model in reference_comparison_info(both, "theirs", key="later").models] == [5]
    same = replace(snapshot, reference_audits=(make_reference(), make_reference(key="newest")))
    assert [record.key for record in same.references] == ["newest"]


def test_doubts_are_those_of_the_audits_that_are_compared(snapshot: StudySnapshot) -> None:
    fired = CheckResult(name="restarts", value=0.5, bound=0.1, passed=False)
    audits = (
        make_audit(2, OURS, checks=[fired]),
        make_audit(2, OURS, images=9),  # a newer one, of other images, on which nothing fired
        make_audit(3, SMALL, checks=None),
        make_audit(4, OURS),
    )
    doubted = replace(snapshot, audits=audits, reference_audits=(make_reference(checks=[fired]),))
    info = reference_comparison_info(doubted, "theirs")
    assert {model.marked_label: model.doubts for model in (info.reference, *info.models)} == {
        "theirs?": ("check fired in the audit: restarts 0.5, bound 0.1",),
        "#2?": ("check fired in the audit: restarts 0.5, bound 0.1",),
        "#3?": ("the audit's checks are not computed yet",),
        "#4": (),
    }
    html = "".join(reference_parts(doubted))
    assert "#3: the audit's checks are not computed yet" in html.replace("&#x27;", "'").replace("&#39;", "'")


def test_trial_keeps_its_mark_beside_a_reference_audited_with_other_options(snapshot: StudySnapshot) -> None:
    fired = CheckResult(name="restarts", value=0.5, bound=0.1, passed=False)
    other = (make_audit(2, OURS, checks=[fired], images=9), make_audit(2, OURS))
    info = reference_comparison_info(replace(snapshot, audits=other), "theirs")
    assert [(model.marked_label, model.is_checked) for model in info.models] == [("#2?", True)]


def test_paired_test_counts_the_images_that_one_alone_keeps(info: ReferenceComparisonInfo) -> None:
    first, second = info.models[0].view("white box").comparisons
    assert (first.only_first, first.only_second, first.accuracies) == (2, 0, (0.75, 0.25))
    assert first.p_value == pytest.approx(0.25)  # 2 * 1/4 - 1/4
    assert (second.only_first, second.only_second) == (2, 0)


def test_each_attack_and_the_clean_predictions_have_interval_and_paired_test(info: ReferenceComparisonInfo) -> None:
    pgd, square = info.models[0].attacks
    assert (pgd.name, pgd.accuracy, pgd.intervals[0]) == ("pgd", (0.75, 0.5), wilson_interval(0.75, 4))
    assert [(item.only_first, item.only_second) for item in pgd.comparisons] == [(2, 0), (2, 0)]
    assert [(item.accuracies, item.only_first) for item in square.comparisons] == [((1.0, 0.5), 2), ((0.75, 0.25), 2)]
    clean = info.models[0].clean_comparison
    assert clean is not None
    assert (clean.accuracies, clean.only_first, clean.only_second) == ((1.0, 0.75), 1, 0)
    assert info.reference.clean_comparison is None
    assert [view.comparisons for view in info.reference.attacks] == [(), ()]


def test_slow_attack_says_how_many_examples_it_was_run_on(snapshot: StudySnapshot) -> None:
    on_two = make_outcome("zoo", ("10--", "00--"))
    audits = (make_audit(2, [*OURS, on_two]),)
    reference = replace(make_reference(), attacks=(*THEIRS, on_two))
    info = reference_comparison_info(replace(snapshot, audits=audits, reference_audits=(reference,)), "theirs")
    zoo = info.models[0].attacks[-1]
    assert (zoo.n_examples, zoo.accuracy, zoo.intervals[0]) == (2, (0.5, 0.0), wilson_interval(0.5, 2))
    assert zoo.comparisons[0].accuracies == (0.5, 0.5)


def test_attack_on_what_others_have_left_says_so(snapshot: StudySnapshot) -> None:
    on_left = replace(make_outcome("apgd-ce", ("110-", "10--")), n_examples=4)
    audits = (make_audit(2, [*OURS, on_left]),)
    reference = replace(make_reference(), attacks=(*THEIRS, make_outcome("apgd-ce", ("1000", "0000"))))
    info = reference_comparison_info(replace(snapshot, audits=audits, reference_audits=(reference,)), "theirs")
    assert [view.counts_earlier for view in info.models[0].attacks] == [False, False, True]
    assert [view.counts_earlier for view in info.reference.attacks] == [False, False, False]


def test_clean_accuracy_has_its_interval(info: ReferenceComparisonInfo) -> None:
    assert info.reference.clean_accuracy == 0.75
    assert info.reference.clean_interval == pytest.approx((0.300642, 0.954413), abs=1e-6)
    whole = info.reference.whole_test
    assert whole is not None
    assert (whole.accuracy, whole.interval) == (0.9, pytest.approx((0.825634, 0.944771), abs=1e-6))
    assert info.models[0].whole_test is None


def test_unknown_reference_lists_the_audited_ones(snapshot: StudySnapshot) -> None:
    with pytest.raises(SelectionError, match=r"no audited reference model 'other' \(it has: theirs\); run `reference"):
        reference_comparison_info(snapshot, "other")


def test_options_of_stored_audits_are_named_once_each(snapshot: StudySnapshot) -> None:
    twice = replace(snapshot, reference_audits=(make_reference(key="older"), make_reference(key="newer")))
    assert stored_audit_key(twice, "theirs", n_examples=4, is_quick=False) == "newer"
    with pytest.raises(SelectionError, match=r"with --images 9 \(it has: --images 4\); name one"):
        stored_audit_key(twice, "theirs", n_examples=9, is_quick=False)


def test_figure_shows_the_reference_and_the_best_of_each_class(info: ReferenceComparisonInfo) -> None:
    assert [model.label for model in shown_models(info)] == ["theirs", "#2", "#3"]
    figure = plot_reference_comparison(info, is_synthetic=False)
    curves = {trace.name: tuple(trace.y) for trace in figure.data if trace.showlegend and trace.y != (None,)}
    assert curves["#2, 1,000 B"] == (0.75, 0.5)
    assert curves["theirs, 1,000 B"] == (0.25, 0.0)


def test_images_for_papers_have_audits_and_references(snapshot: StudySnapshot) -> None:
    figures = study_figures(snapshot)
    assert list(figures)[-2:] == ["audits", "reference-theirs"]
    assert figures["reference-theirs"].layout.title.text.startswith("Beside Theirs")


def test_report_has_a_table_for_each_size_class_or_says_how_to_get_one(snapshot: StudySnapshot) -> None:
    html = "".join(reference_parts(snapshot))
    assert "90.0% (82.6\N{EN DASH}94.5) of 100" in html
    assert "At most as large as Theirs" in html
    assert "At most a quarter as large as Theirs" in html
    assert "+50.0" in html
    assert "#5" in html
    without = "".join(reference_parts(make_snapshot()))
    assert "No reference model is audited" in without
