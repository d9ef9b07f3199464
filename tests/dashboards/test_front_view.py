"""One view of the front, in numbers worked out by hand."""

import pytest

from dashboards import plot_front
from dashboards.infos import front_view_info, metric_ranges
from dashboards.infos.front_view import at_revision
from dashboards.study_view import StudyView
from spaces.errors import SelectionError
from tests.dashboards.builders import (
    START,
    make_audit,
    make_check,
    make_measurement,
    make_outcome,
    make_revision,
    make_snapshot,
    make_study,
    make_trial,
    realistic_snapshot,
)


def _study(n_copies: int = 3, **settings: object) -> StudyView:
    """Two baselines, trial 2 alone on the front, and dominated trials all in one place."""
    trials = [
        make_trial(0, measurement=make_measurement(clean=0.9, size_bytes=900)),
        make_trial(1, measurement=make_measurement(clean=0.8, size_bytes=800)),
        make_trial(2, measurement=make_measurement(clean=0.95, size_bytes=300)),
    ]
    trials += [make_trial(n, measurement=make_measurement(clean=0.5, size_bytes=500)) for n in range(3, 3 + n_copies)]
    view = StudyView.of(make_snapshot(trials, front=[2], **settings))
    details = make_snapshot(trials[:3], front=[2], **settings)
    return StudyView(trials=view.trials, details=details)


def test_trials_in_one_place_are_drawn_once() -> None:
    info = front_view_info(_study(), axes=["size_bytes", "clean_accuracy"])
    assert [point.number for point in info.points] == [0, 1, 2, 3]
    assert info.n_covered == 2
    assert info.title == "Pareto front of tiny: 1 of 6 complete trials"


def test_chosen_trials_stay_though_others_lie_there() -> None:
    info = front_view_info(_study(), axes=["size_bytes", "clean_accuracy"], chosen=[5])
    assert [point.number for point in info.points] == [0, 1, 2, 3, 5]


def test_only_the_details_tell_their_layers() -> None:
    points = {point.number: point for point in front_view_info(_study()).points}
    assert "conv: W4 A8 JR 0.01" in points[2].hover
    assert points[3].hover[-1] == "click for its layers"


def test_values_follow_the_axes() -> None:
    info = front_view_info(_study(), axes=["size_bytes", "clean_accuracy"])
    assert info.points[2].values == (300, 0.95)
    assert [objective.name for objective in info.objectives] == ["size_bytes", "clean_accuracy"]


@pytest.mark.parametrize("axes", [["macs", "size_bytes"], ["size_bytes"], ["size_bytes", "size_bytes"]])
def test_wrong_axes_are_refused(axes: list[str]) -> None:
    with pytest.raises(SelectionError, match="two or three of clean_accuracy, robust_accuracy, size_bytes"):
        front_view_info(_study(), axes=axes)


def test_ranges_leave_out_what_lies_beyond() -> None:
    info = front_view_info(_study(), ranges={"size_bytes": (500, 850)})
    assert [point.number for point in info.points] == [1, 3]
    assert info.title.endswith("0 of 4 complete trials within the ranges")
    assert front_view_info(_study(), ranges={"size_bytes": (0, 1)}).note == "no trial lies within the ranges"


def test_metric_ranges_span_the_complete_trials() -> None:
    assert metric_ranges(_study())["size_bytes"] == (300, 900)
    assert metric_ranges(StudyView.of(make_snapshot())) == {}


def test_suspect_among_dominated_trials_is_marked() -> None:
    trials = [make_trial(0), make_trial(5, measurement=make_measurement(clean=0.4, checks=[make_check("sign")]))]
    view = StudyView(trials=StudyView.of(make_snapshot(trials)).trials, details=make_snapshot(trials[:1], front=[0]))
    points = {point.number: point for point in front_view_info(view).points}
    assert points[5].is_suspect
    assert points[5].hover[0] == "trial 5?"


def test_suspect_of_an_audit_is_marked_and_stays_though_others_lie_there() -> None:
    audits = [make_audit(5, [make_outcome("pgd", ("1100", "1000"))], checks=[make_check("restarts")])]
    points = {point.number: point for point in front_view_info(_study(audits=audits)).points}
    assert list(points) == [0, 1, 2, 3, 5]
    assert (points[5].is_suspect, points[5].has_fired, points[5].hover[0]) == (True, True, "trial 5?")


def test_earlier_revision_leaves_out_later_results() -> None:
    revisions = [make_revision(0, None, 0, 0), make_revision(1, 0, 1.0, 1), make_revision(2, 2, 2.0, 1)]
    trials = [make_trial(n) for n in range(4)]
    view = StudyView.of(make_snapshot(trials, front=[2], revisions=revisions))
    earlier = at_revision(view, make_snapshot(trials, front=[0], revisions=revisions), 1)
    # Revision 1 came one minute after the start, when trial 0 (30 s) was finished and trial 1 (90 s) was not.
    assert [trial.number for trial in earlier.trials] == [0]
    assert all(trial.finished_at is not None and trial.finished_at > START for trial in earlier.trials)


def test_constraint_is_a_line_on_its_axis() -> None:
    view = _study(study=make_study(constraints=["clean_accuracy >= 0.6"]))
    flat = plot_front(front_view_info(view, axes=["size_bytes", "clean_accuracy"]))
    (line,) = flat.layout.shapes
    assert (line.y0, line.y1) == (0.6, 0.6)
    assert flat.layout.annotations[0].text == "clean accuracy ≥ 60.0%"


def test_chosen_trials_are_ringed() -> None:
    figure = plot_front(realistic_snapshot(), axes=["size_bytes", "clean_accuracy"], chosen=[4])
    (ring,) = [trace for trace in figure.data if trace.name == "chosen"]
    assert len(ring.x) == 1


def test_covered_trials_are_told() -> None:
    figure = plot_front(front_view_info(_study(), axes=["size_bytes", "clean_accuracy"]))
    assert "2 dominated trials lie under others" in figure.layout.title.subtitle.text
