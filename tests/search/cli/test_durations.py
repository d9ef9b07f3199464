import pytest

from search.cli.durations import clock_text, left_text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.9, "0:00"), (65.0, "1:05"), (3599.9, "59:59"), (3600.0, "1:00:00"), (90061.0, "25:01:01")]
)
def test_duration_has_hours_only_where_there_are_some(seconds, text):
    assert clock_text(seconds) == text


def test_time_left_ends_a_line():
    assert left_text(65.0) == "  1:05 left"
