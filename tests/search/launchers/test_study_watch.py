"""What a supervisor tells of a study, with a clock that is set by hand and a database that can go away."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from search.launchers.study_watch import Pace, StudyWatch, WatchedStudy
from search.listener import Standing
from spaces.errors import StorageError
from storage.claims import ClaimRepository
from storage.migrations import upgrade
from storage.records import TrialRecord
from storage.repository import Repository
from storage.sql import open_engine
from storage.trial_feed import TrialFeed
from storage.workers import WorkerIdentity, WorkerRepository, WorkerState
from tests.builders import build_outcome, claim_trial, create_study
from tests.postgres_server import running_server

BUDGET = 10


class FlakyFeed(TrialFeed):
    """A feed whose database fails when told to."""

    error: StorageError | None = None

    def read(self) -> list[TrialRecord]:
        if self.error is not None:
            raise self.error
        return super().read()


class Watched:
    """A stored study under a watch, and what was told of it."""

    def __init__(self, url: str) -> None:
        self.engine = open_engine(url)
        upgrade(self.engine)
        repository = Repository(self.engine)
        self.study = create_study(repository)
        self.workers = WorkerRepository(self.engine)
        self.feed = FlakyFeed(self.engine, self.study.id)
        self.now_s = 0.0
        self.told: list[str] = []
        self.standings: list[Standing] = []
        self.paces: list[Pace] = []
        self.parts = WatchedStudy(
            study_id=self.study.id, budget=BUDGET, repository=repository, workers=self.workers, feed=self.feed
        )

    def begin(self) -> StudyWatch:
        return StudyWatch(self.parts, listener=self, pace_listener=self, clock=lambda: self.now_s)

    def finish(self, number: int) -> None:
        claims = ClaimRepository(self.engine)
        claims.finish(claim_trial(claims, self.study.id, number).lease, build_outcome(0.5, 0.5, size_bytes=500))

    # What is listened to.

    def trial_finished(self, record: TrialRecord, standing: Standing) -> None:
        self.told.append(f"trial {record.number}")
        self.standings.append(standing)

    def space_exhausted(self, standing: Standing) -> None:
        self.told.append(f"exhausted at {standing.trained}")

    def paced(self, pace: Pace) -> None:
        self.paces.append(pace)

    def database_away(self, reason: str) -> None:
        self.told.append(f"away: {reason}")

    def database_back(self) -> None:
        self.told.append("back")


@contextmanager
def opened(url: str) -> Iterator[Watched]:
    watched = Watched(url)
    try:
        yield watched
    finally:
        watched.engine.dispose()


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    with opened(f"sqlite:///{tmp_path}/studies.db") as made:
        yield made


def test_only_what_is_finished_from_now_on_is_told(watched):
    watched.finish(0)
    watch = watched.begin()
    watched.finish(1)
    assert watch.look()
    assert watched.told == ["trial 1"]
    (standing,) = watched.standings
    # 0.5 * 0.5 * (1000 - 500)
    assert standing == Standing(trained=2, budget=BUDGET, refused=0, front_size=2, hypervolume=125.0)


def test_database_is_read_every_two_seconds(watched):
    watch = watched.begin()
    watch.look()
    watched.finish(0)
    watched.now_s = 1.9
    watch.look()
    assert watched.told == []
    watched.now_s = 2.0
    watch.look()
    assert watched.told == ["trial 0"]


def test_pace_is_told_every_minute(watched):
    watched.finish(0)
    watch = watched.begin()
    for name in ("a", "b"):
        identity = WorkerIdentity(name=name, host="h", pid=1, n_threads=1)
        watched.workers.join(watched.study.id, identity, within_s=60)
    watched.workers.beat(watched.study.id, "a", state=WorkerState.TRAINING, number=3)
    for number in (1, 2, 3):
        watched.finish(number)
    watched.now_s = 59.0
    watch.look()
    assert watched.paces == []
    watched.now_s = 120.0
    watch.look()
    # 3 trials in 120 s, 6 are left.
    assert watched.paces == [Pace(alive=2, training=1, trials_per_hour=90.0, left_s=240.0)]


def test_without_a_trial_nobody_knows_the_time_left(watched):
    watch = watched.begin()
    watched.now_s = 60.0
    watch.look()
    assert watched.paces == [Pace(alive=0, training=0, trials_per_hour=0.0, left_s=None)]


def test_outage_is_told_once_and_costs_no_line(watched):
    watch = watched.begin()
    watched.finish(0)
    watched.feed.error = StorageError("the server is away.", is_transient=True)
    for second in (0, 2, 4):
        watched.now_s = second
        assert not watch.look()
    watched.now_s = 5
    assert not watch.look()
    watched.feed.error = None
    watched.now_s = 6
    assert watch.look()
    assert watched.told == ["away: the server is away.", "back", "trial 0"]


def test_error_that_does_not_pass_is_raised(watched):
    watch = watched.begin()
    watched.feed.error = StorageError("the file is damaged.")
    with pytest.raises(StorageError, match="damaged"):
        watch.look()


def test_end_tells_the_last_trials_and_why_the_budget_is_not_spent(watched):
    watch = watched.begin()
    watch.look()
    watched.finish(0)
    watch.finish(is_done=True)
    assert watched.told == ["trial 0", "exhausted at 1"]


def test_end_after_a_stop_gives_no_reason(watched):
    watch = watched.begin()
    watch.finish(is_done=False)
    assert watched.told == []


@pytest.mark.postgres
def test_server_that_was_killed_and_comes_back_costs_no_line():
    with running_server() as server, opened(server.create_database()) as watched:
        watch = watched.begin()
        watched.finish(0)
        server.stop(signal.SIGQUIT)
        assert not watch.look()
        server.start()
        watched.now_s = 2.0
        assert watch.look()
        away, *rest = watched.told
        assert away.startswith("away: database postgresql+psycopg://tests@127.0.0.1:")
        assert rest == ["back", "trial 0"]
