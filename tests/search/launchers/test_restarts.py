import signal

import pytest

from search.launchers.restarts import RestartPolicy, WorkerExit

POLICY = RestartPolicy(first_delay_s=1.0, longest_delay_s=60.0, early_s=60.0, max_failures=5)


def exits(*codes: int, after_s: float = 5.0) -> list[WorkerExit]:
    return [WorkerExit(code=code, after_s=after_s) for code in codes]


def test_pauses_double_up_to_the_longest():
    codes = [1, 2] * 5
    pauses = [POLICY.delay_s(exits(*codes[:n])) for n in range(1, 11)]
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]


def test_five_early_failures_with_one_code_are_enough():
    assert POLICY.delay_s(exits(2, 2, 2, 2)) == 8
    assert POLICY.delay_s(exits(2, 2, 2, 2, 2)) is None


def test_another_code_in_between_starts_the_count_anew():
    assert POLICY.delay_s(exits(2, 2, 4, 2, 2)) == 16


def test_a_worker_that_ran_for_a_minute_starts_again_at_once():
    long = exits(1, after_s=60.0)
    assert POLICY.delay_s(exits(1, 1, 1, 1) + long) == 1
    assert POLICY.delay_s(exits(1, 1) + long + exits(1, 1)) == 2
    assert POLICY.delay_s(exits(1, 1) + long + exits(1, 1, 1, 1, 1)) is None


@pytest.mark.parametrize("code", [-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP, 130])
def test_ends_that_come_from_outside_never_end_the_launch(code):
    assert POLICY.delay_s(exits(*[code] * 100)) == 60


@pytest.mark.parametrize("code", [-signal.SIGSEGV, -signal.SIGILL, -signal.SIGABRT])
def test_a_process_that_crashes_at_every_start_ends_the_launch(code):
    assert POLICY.delay_s(exits(*[code] * 5)) is None


@pytest.mark.parametrize("code", [2, 3])
def test_bad_input_that_shows_only_after_a_long_training_ends_the_launch_too(code):
    late = exits(*[code] * 5, after_s=900.0)
    assert [POLICY.delay_s(late[:n]) for n in range(1, 6)] == [1, 2, 4, 8, None]
    assert POLICY.verdict(late) == "failed 5 times in a row"
    assert POLICY.verdict(exits(*[code] * 5)) == "failed 5 times, each time within 60 s of its start"


@pytest.mark.parametrize("code", [1, 4, -signal.SIGSEGV])
def test_other_ends_after_a_long_training_never_end_the_launch(code):
    assert POLICY.delay_s(exits(*[code] * 100, after_s=900.0)) == 1


def test_pause_of_a_very_long_row_of_ends_is_a_number():
    assert POLICY.delay_s(exits(*[-signal.SIGKILL] * 5000)) == 60
