"""The progress of studies in numbers worked out by hand."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from storage.records import TrialState
from storage.repository import Repository
from storage.workers import WorkerIdentity, WorkerRepository
from tests.dashboards.builders import START, make_revision, make_snapshot, make_trial
from tests.dashboards.stored import open_database, store


def _every_half_hour(n_trials: int) -> list:
    """Trials of half an hour each, one after the other; the last one was refused at once."""
    half = timedelta(minutes=30)
    trials = [
        replace(make_trial(n), started_at=START + n * half, finished_at=START + (n + 1) * half) for n in range(n_trials)
    ]
    end = START + n_trials * half
    return [*trials, replace(make_trial(n_trials, state=TrialState.REFUSED), started_at=end, finished_at=end)]


def test_progress_counts_spans_and_pace(tmp_path: Path) -> None:
    engine = open_database(tmp_path)
    revisions = [make_revision(0, None, 0.0, 0), make_revision(1, 0, 5.0, 1), make_revision(2, 1, 7.0, 2)]
    store(engine, make_snapshot(_every_half_hour(8), revisions=revisions), name="long")
    store(engine, make_snapshot(revisions=revisions[:1]), name="empty")
    long, empty = Repository(engine).progress()
    assert (long.study.name, long.counts[TrialState.COMPLETE], long.counts[TrialState.REFUSED]) == ("long", 8, 1)
    assert (long.revision.revision, long.revision.hypervolume, long.revision.size) == (2, 7.0, 2)
    assert (long.started_at, long.finished_at) == (START, START + timedelta(hours=4))
    # Of the last two hours: four trials, and what was refused does not count.
    assert long.trials_per_hour == pytest.approx(2.0)
    assert (empty.started_at, empty.finished_at, empty.trials_per_hour) == (None, None, None)


def test_one_trial_has_no_pace(tmp_path: Path) -> None:
    engine = open_database(tmp_path)
    store(engine, make_snapshot([make_trial(0)], revisions=[make_revision(0, None, 0.0, 0)]), name="young")
    assert Repository(engine).progress()[0].trials_per_hour is None


def test_workers_alive_are_counted_by_study(tmp_path: Path) -> None:
    engine = open_database(tmp_path)
    first, second = (store(engine, make_snapshot(), name=name) for name in ("first", "second"))
    workers = WorkerRepository(engine)
    for name in ("a", "b"):
        workers.join(first, WorkerIdentity(name=name, host="h", pid=1, n_threads=1), within_s=60)
    assert workers.count_alive(within_s=60) == {first: 2}
    assert second not in workers.count_alive(within_s=60)
