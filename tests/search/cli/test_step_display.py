"""The bar of work that goes by steps, with a clock that is set by hand."""

import io
import re
from dataclasses import replace

from rich.console import Console

from search.cli.step_display import StepDisplay
from search.cli.step_pace import StepPace
from spaces.work_steps import WorkSteps

FILES = WorkSteps(what="study cifar: reading files", noun="files", total=1000)


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_rate_and_time_left_follow_from_the_steps_that_are_behind() -> None:
    clock = Clock()
    pace = StepPace(clock)
    assert pace.note(FILES) == "0/1,000 files"
    clock.now_s = 4.0
    assert pace.note(replace(FILES, done=100)) == "100/1,000  25 files/s  0:36 left"
    clock.now_s = 40.0
    assert pace.note(replace(FILES, done=1000)) == "1,000/1,000  25 files/s"


def test_step_that_is_told_of_twice_does_not_slow_the_pace() -> None:
    clock = Clock()
    pace = StepPace(clock)
    pace.note(FILES)
    clock.now_s = 4.0
    pace.note(replace(FILES, done=100))
    clock.now_s = 8.0
    assert pace.note(replace(FILES, done=100)) == "100/1,000  25 files/s  0:36 left"


def test_another_piece_of_work_is_timed_by_itself() -> None:
    clock = Clock()
    pace = StepPace(clock)
    pace.note(FILES)
    clock.now_s = 1000.0
    studies = WorkSteps(what="study", noun="studies", done=1, total=5)
    assert pace.note(studies) == "1/5 studies"
    clock.now_s = 1060.0
    assert pace.note(replace(studies, done=2)) == "2/5  1 studies/min  3:00 left"


def test_same_work_from_its_beginning_is_timed_anew() -> None:
    clock = Clock()
    pace = StepPace(clock)
    for done, now_s, note in (
        (0, 0.0, "0/4 parts"),
        (3, 3.0, "3/4  1 parts/s  0:01 left"),
        (0, 50.0, "0/4 parts"),
        (1, 60.0, "1/4  6 parts/min  0:30 left"),
    ):
        clock.now_s = now_s
        assert pace.note(WorkSteps(what="attacks", noun="parts", done=done, total=4)) == note


def test_work_of_unknown_length_has_no_rate() -> None:
    assert StepPace(Clock()).note(WorkSteps(what="reading the database", noun="pages")) == ""


def shown(*, is_terminal: bool) -> list[str]:
    output, clock = io.StringIO(), Clock()
    console = Console(file=output, force_terminal=is_terminal, width=80, color_system=None)
    with StepDisplay(console, what="opening the database", clock=clock) as display:
        display.show(FILES)
        clock.now_s = 4.0
        display.show(replace(FILES, done=100))
    return re.split(r"[\r\n]+", re.sub(r"\x1b\[[?\d]*[A-Za-z]", "", output.getvalue()))


def test_bar_fits_80_columns() -> None:
    (line,) = [line for line in shown(is_terminal=True) if "files/s" in line]
    assert "study cifar: reading files ━" in line
    assert "100/1,000  25 files/s  0:36 left" in line
    assert len(line) <= 80


def test_nothing_is_drawn_where_there_is_no_terminal() -> None:
    assert shown(is_terminal=False) == [""]
