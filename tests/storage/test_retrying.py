import random
from collections.abc import Iterator

import pytest

from spaces.errors import SelectionError, StorageError
from storage.retrying import retrying

AWAY, WRONG = StorageError("no server", is_transient=True), StorageError("no table")


class Clock:
    """Time that passes only in `sleep`."""

    def __init__(self) -> None:
        self.now, self.pauses = 0.0, list[float]()

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


def call_with(clock: Clock, answers: Iterator[object], *, deadline_s: float = 600.0, seed: int = 0) -> object:
    def call() -> object:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    rng = random.Random(seed)
    return retrying(call, deadline_s=deadline_s, rng=rng, sleep=clock.sleep, clock=lambda: clock.now)


def test_first_answer_needs_no_pause() -> None:
    clock = Clock()
    assert call_with(clock, iter([7])) == 7
    assert clock.pauses == []


def test_pauses_double_up_to_15_seconds_and_lose_up_to_a_half() -> None:
    clock = Clock()
    assert call_with(clock, iter([AWAY] * 10 + ["back"])) == "back"
    for pause, full in zip(clock.pauses, [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 15.0, 15.0], strict=True):
        assert full / 2 <= pause <= full


def test_two_workers_do_not_pause_alike() -> None:
    first, second = Clock(), Clock()
    for seed, clock in enumerate((first, second)):
        call_with(clock, iter([AWAY] * 3 + ["back"]), seed=seed)
    assert first.pauses != second.pauses


def test_mistakes_are_not_repeated() -> None:
    for mistake in (WRONG, SelectionError("no trial"), ValueError("a bug")):
        clock = Clock()
        with pytest.raises(type(mistake)) as caught:
            call_with(clock, iter([AWAY, mistake, "never"]))
        assert caught.value is mistake
        assert len(clock.pauses) == 1


def test_outage_longer_than_the_deadline_is_raised_as_it_was() -> None:
    clock = Clock()
    with pytest.raises(StorageError) as caught:
        call_with(clock, iter([AWAY] * 1000), deadline_s=30.0)
    assert caught.value is AWAY
    assert 10.0 < clock.now <= 30.0


def test_infinite_deadline_waits_for_ever() -> None:
    clock = Clock()
    assert call_with(clock, iter([AWAY] * 500 + ["back"]), deadline_s=float("inf")) == "back"
    assert clock.now > 3000
