"""The heartbeat, on repositories that say what the test wants."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from search.heartbeat import Heartbeat
from search.trials.heartbeat import trial_heartbeat
from spaces.errors import StorageError
from storage.claims import Lease
from storage.retrying import is_transient
from storage.workers import WorkerState

LEASE = Lease(study_id=1, number=3, epoch=1)


class Database:
    """Answers one renewal after the other; what is an error is raised. The last answer stays."""

    def __init__(self, *answers: bool | Exception) -> None:
        self.answers = list(answers)
        self.renewals = 0
        self.beats: list[tuple[Any, ...]] = []
        self.moved = threading.Condition()

    def renew(self, lease: Lease, *, ttl_s: float) -> bool:
        assert lease == LEASE
        with self.moved:
            self.renewals += 1
            self.moved.notify_all()
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def beat(self, study_id: int, name: str, *, state: WorkerState, number: int) -> None:
        self.beats.append((study_id, name, state, number))

    def wait_for(self, renewals: int) -> None:
        with self.moved:
            assert self.moved.wait_for(lambda: self.renewals >= renewals, timeout=10)


def heartbeat(database: Any, *, lease_s: float = 0.03) -> Heartbeat:
    return trial_heartbeat(
        LEASE, lease_s=lease_s, worker="w", claims=database, workers=database, is_transient=is_transient
    )


def eventually(what: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not what() and time.monotonic() < deadline:
        time.sleep(0.005)
    return what()


def test_lease_is_renewed_from_the_beginning_until_the_end() -> None:
    database = Database(True)
    with heartbeat(database) as beating:
        database.wait_for(5)
        assert not beating.is_lost
    assert set(database.beats) == {(1, "w", WorkerState.TRAINING, 3)}
    renewals = database.renewals
    time.sleep(0.05)
    assert database.renewals == renewals


def test_lost_lease_is_noticed_and_no_longer_renewed() -> None:
    database = Database(True, True, False)
    with heartbeat(database) as beating:
        assert eventually(lambda: beating.is_lost)
        time.sleep(0.05)
        assert database.renewals == 3


@pytest.mark.parametrize("passes", [True, False])
def test_database_that_is_away_or_broken_ends_nothing(passes: bool) -> None:
    error = StorageError("away", is_transient=passes)
    database = Database(True, error, error, True)
    with heartbeat(database) as beating:
        database.wait_for(6)
        assert not beating.is_lost


def test_end_does_not_wait_for_a_database_that_is_away() -> None:
    database = Database(StorageError("away", is_transient=True))
    started = time.monotonic()
    with heartbeat(database, lease_s=60.0):
        database.wait_for(3)
    assert time.monotonic() - started < 5
