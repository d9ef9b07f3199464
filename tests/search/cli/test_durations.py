import pytest

from search.cli.durations import clock_text, left_text, rate_text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.9, "0:00"), (65.0, "1:05"), (3599.9, "59:59"), (3600.0, "1:00:00"), (90061.0, "25:01:01")]
)
def test_duration_has_hours_only_where_there_are_some(seconds, text):
    assert clock_text(seconds) == text


@pytest.mark.parametrize(
    ("per_second", "text"),
    [
        (12.345, "  12.3 files/s"),
        (1234.5, "  1,234 files/s"),
        (1.0, "  1 files/s"),
        (0.5, "  30 files/min"),
        (1 / 120, "  30 files/h"),
        (1e-5, "  0.036 files/h"),
    ],
)
def test_rate_is_told_in_the_first_unit_that_gives_at_least_one(per_second, text):
    assert rate_text(per_second, "files") == text


def test_time_left_ends_a_line():
    assert left_text(65.0) == "  1:05 left"
