"""Waiting for a database, by a clock of the test's own."""

import random
from dataclasses import dataclass, field

import pytest

from search.patience import Patience
from search.training.fit import StopRequestedError
from spaces.errors import StorageError

AWAY = StorageError("away", is_transient=True)


@dataclass
class Clock:
    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def make_patience(clock: Clock, *, stop_at: float = float("inf")) -> Patience:
    return Patience(lambda: clock.now >= stop_at, rng=random.Random(0), sleep=clock.sleep, clock=clock)


def test_call_is_made_again_until_the_database_is_back() -> None:
    clock = Clock()

    def call() -> str:
        if clock.now < 300:
            raise AWAY
        return "back"

    assert make_patience(clock)(call) == "back"
    assert 300 <= clock.now < 316
    assert max(clock.slept) <= 0.2


def test_other_errors_pass_at_once() -> None:
    clock = Clock()

    def call() -> None:
        raise StorageError("broken")

    with pytest.raises(StorageError, match="broken"):
        make_patience(clock)(call)
    assert clock.slept == []


def test_wish_to_stop_ends_the_waiting() -> None:
    clock = Clock()

    def call() -> None:
        raise AWAY

    with pytest.raises(StopRequestedError):
        make_patience(clock, stop_at=100.0)(call)
    assert 100 <= clock.now < 100.5


def test_outage_is_remembered_for_a_while() -> None:
    clock = Clock()
    patience = make_patience(clock)
    assert not patience.had_outage(within_s=20)
    answers = iter([AWAY, AWAY])

    def call() -> None:
        for error in answers:
            raise error

    patience(call)
    assert patience.had_outage(within_s=20)
    patience.pause(20)
    assert not patience.had_outage(within_s=20)


def test_outage_that_only_another_thread_met_is_remembered_too() -> None:
    patience = make_patience(Clock())
    assert not patience.is_transient(StorageError("broken"))
    assert not patience.had_outage(within_s=20)
    assert patience.is_transient(AWAY)
    assert patience.had_outage(within_s=20)
