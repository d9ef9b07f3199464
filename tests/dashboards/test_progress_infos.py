"""Timeline, failures, rungs and the list of studies, against values worked out by hand."""

from dataclasses import replace
from datetime import timedelta

import pytest

from dashboards.figures import plot_timeline
from dashboards.infos import failure_groups, rung_decisions_info, timeline_info
from dashboards.infos.study_list import StudyStatus, study_lines
from dashboards.labels import format_duration
from dashboards.study_view import StudyView
from storage.records import TrialState
from storage.rungs import RungRecord
from storage.study_progress import StudyProgress
from tests.dashboards.builders import START, make_measurement, make_revision, make_snapshot, make_study, make_trial


def test_timeline_shows_the_newest_trials_by_worker() -> None:
    trials = [replace(make_trial(n), owner="ab"[n % 2]) for n in range(4)]
    running = replace(make_trial(4, state=TrialState.RUNNING), finished_at=None, owner="a")
    refused = make_trial(5, state=TrialState.REFUSED)
    view = StudyView.of(make_snapshot([*trials, running, refused]))
    now = START + timedelta(hours=1)
    info = timeline_info(view, now=now, limit=3)
    assert [span.number for span in info.spans] == [2, 3, 4]
    assert info.workers == ("a", "b")
    assert info.n_earlier == 2
    assert info.spans[-1].ended_at == now
    assert timeline_info(StudyView.of(make_snapshot()), now=now).note == "no worker has begun a trial yet"


def test_rows_of_the_timeline_are_the_workers_whatever_their_names() -> None:
    trials = [replace(make_trial(n), owner=owner) for n, owner in enumerate(["a<b", "c&d", "e>f"])]
    view = StudyView.of(make_snapshot(trials))
    figure = plot_timeline(timeline_info(view, now=START + timedelta(hours=1)))
    assert list(figure.data[0].y) == ["a&lt;b", "c&amp;d", "e&gt;f"]
    assert list(figure.layout.yaxis.categoryarray) == ["e&gt;f", "c&amp;d", "a&lt;b"]


def test_failures_are_grouped_by_reason_the_frequent_first() -> None:
    reasons = {1: "loss is not finite", 2: "out of memory", 3: "out of memory"}
    trials = [make_trial(n, state=TrialState.FAILED, reason=reason) for n, reason in reasons.items()]
    refused = make_trial(4, state=TrialState.REFUSED)
    groups = failure_groups(StudyView.of(make_snapshot([make_trial(0), *trials, refused])).trials)
    assert [(group.state.value, group.reason, group.numbers) for group in groups] == [
        ("failed", "out of memory", (2, 3)),
        ("failed", "loss is not finite", (1,)),
        ("refused", "no reason recorded", (4,)),
    ]


def test_rung_decisions_are_counted() -> None:
    records = [
        RungRecord(
            number=number,
            rung=0,
            measurement=make_measurement(clean=0.5),
            goes_on=goes_on,
            decision={},
            checkpoints={},
            created_at=START,
        )
        for number, goes_on in ((2, True), (1, False), (0, True))
    ]
    info = rung_decisions_info(make_snapshot(), records)
    assert [arrival.number for arrival in info.arrivals] == [0, 1, 2]
    assert info.counts(0) == (2, 1)
    assert rung_decisions_info(make_snapshot(), []).note is not None


def _progress(*, n_trained: int, n_running: int = 0, pace: float | None = None) -> StudyProgress:
    counts = dict.fromkeys(TrialState, 0) | {TrialState.COMPLETE: n_trained, TrialState.RUNNING: n_running}
    return StudyProgress(
        study=make_study(),
        counts=counts,
        revision=make_revision(3, 2, 5.0, 4),
        started_at=START,
        finished_at=START,
        trials_per_hour=pace,
    )


@pytest.mark.parametrize(
    ("n_trained", "n_running", "n_workers", "status"),
    [
        (40, 0, 0, StudyStatus.FINISHED),
        (10, 1, 1, StudyStatus.RUNNING),
        (10, 0, 0, StudyStatus.PAUSED),
        (0, 0, 0, StudyStatus.EMPTY),
        (39, 1, 0, StudyStatus.PAUSED),
    ],
)
def test_status_follows_budget_and_workers(n_trained: int, n_running: int, n_workers: int, status: StudyStatus) -> None:
    (line,) = study_lines([_progress(n_trained=n_trained, n_running=n_running)], {1: n_workers})
    assert line.status is status


def test_time_left_is_what_remains_at_the_pace() -> None:
    (line,) = study_lines([_progress(n_trained=10, n_running=1, pace=15.0)], {1: 2})
    assert (line.n_trained, line.budget, line.n_workers) == (10, 40, 2)
    assert line.time_left_s == pytest.approx(2 * 3600)
    (idle,) = study_lines([_progress(n_trained=10, pace=15.0)], {})
    assert idle.time_left_s is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.6, "1 min"), (200, "3 min 20 s"), (18600, "5 h 10 min"), (183600, "2 d 3 h"), (3600, "1 h")],
)
def test_duration_has_its_two_largest_units(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
