"""The plain lines of a launch, with a clock that is set by hand."""

import io
import re
from dataclasses import replace

import pytest
from rich.console import Console

from search.cli.progress import LaunchProgress
from search.listener import Standing
from search.training.fit import FitProgress
from spaces.work_steps import WorkSteps
from storage.records import TrialState
from tests.dashboards.builders import make_trial

STANDING = Standing(trained=1, budget=3, refused=0, front_size=1, hypervolume=12.5)


class Shown:
    """A progress that writes text, and the seconds that its clock shows."""

    def __init__(self, *, is_terminal: bool = False, n_workers: int = 1, width: int = 200) -> None:
        self.now_s = 0.0
        self._output = io.StringIO()
        console = Console(file=self._output, force_terminal=is_terminal, width=width, color_system=None)
        self.progress = LaunchProgress(console, n_workers=n_workers, clock=lambda: self.now_s)

    def lines(self) -> list[str]:
        """Return what is printed or drawn, without a terminal's control sequences."""
        text = re.sub(r"\x1b\[[?\d]*[A-Za-z]", "", self._output.getvalue())
        return [line for line in re.split(r"[\r\n]+", text) if line]

    def train(self, *, epochs: int, batches: int, seconds_a_batch: float, quantized: bool) -> None:
        for epoch in range(1, epochs + 1):
            for batch in range(1, batches + 1):
                self.now_s += seconds_a_batch
                self.progress.fit_progressed(
                    FitProgress(
                        quantized=quantized,
                        epoch=epoch,
                        epochs=epochs,
                        batch=batch,
                        batches=batches,
                        cross_entropy=0.9124,
                    )
                )


def measured(number: int, *, seconds: float):
    return replace(make_trial(number), timings={"training_s": seconds, "measuring_s": 0.0})


def test_float_parent_tells_its_pace_and_time_left_in_plain_lines():
    shown = Shown()
    shown.progress.trial_started(make_trial(0), STANDING)
    shown.train(epochs=4, batches=5, seconds_a_batch=8.0, quantized=False)
    # 40 seconds an epoch; the last line has nothing left to tell.
    assert shown.lines() == [
        "float parent: epoch 1/4  loss 0.912  7.5 batches/min  2:00 left",
        "float parent: epoch 2/4  loss 0.912  7.5 batches/min  1:20 left",
        "float parent: epoch 3/4  loss 0.912  7.5 batches/min  0:40 left",
        "float parent: epoch 4/4  loss 0.912",
    ]


def test_first_batch_which_traces_the_network_does_not_count():
    shown = Shown()
    shown.progress.trial_started(make_trial(0), STANDING)
    shown.now_s = 1000.0
    shown.train(epochs=2, batches=10, seconds_a_batch=2.0, quantized=True)
    assert shown.lines()[0] == "trial 0: epoch 1/2  loss 0.912  30 batches/min  0:20 left"


def test_rate_is_that_of_this_training_not_of_the_parent_before_it():
    shown = Shown()
    shown.progress.trial_started(make_trial(0), STANDING)
    shown.train(epochs=1, batches=5, seconds_a_batch=100.0, quantized=False)
    shown.train(epochs=2, batches=5, seconds_a_batch=10.0, quantized=True)
    assert shown.lines()[1:] == [
        "trial 0: epoch 1/2  loss 0.912  6 batches/min  0:50 left",
        "trial 0: epoch 2/2  loss 0.912",
    ]


def test_training_that_goes_on_from_a_rung_is_timed_from_there():
    shown = Shown()
    shown.progress.trial_started(make_trial(0), STANDING)
    for batch in range(1, 6):
        shown.now_s += 10.0
        shown.progress.fit_progressed(
            FitProgress(quantized=True, epoch=3, epochs=4, batch=batch, batches=5, cross_entropy=0.912)
        )
    assert shown.lines() == ["trial 0: epoch 3/4  loss 0.912  6 batches/min  0:50 left"]


def test_stopped_trial_says_where_and_why_and_counts():
    shown = Shown()
    reason = "stopped after 2 of 8 epochs: place 3 of 4 that reached the rung; the best 2 go on"
    shown.progress.trial_finished(make_trial(4, state=TrialState.STOPPED, reason=reason), STANDING)
    assert shown.lines() == [f"trial   4  {reason}  [1/3]"]


@pytest.mark.parametrize(("running", "what"), [(1, "the last trial"), (3, "the last 3 trials")])
def test_wait_for_other_workers_is_explained(running, what):
    shown = Shown()
    shown.progress.waiting(running)
    assert shown.lines() == [f"the budget has no place left; waiting for {what}, which other workers have"]


def test_hours_left_are_written_as_hours():
    shown = Shown()
    shown.progress.trial_started(make_trial(0), STANDING)
    shown.train(epochs=2, batches=2, seconds_a_batch=2000.0, quantized=True)
    assert shown.lines()[0].endswith("1:06:40 left")


def test_live_line_tells_the_pace_and_the_time_left():
    shown = Shown(is_terminal=True)
    with shown.progress:
        shown.progress.trial_started(make_trial(0), STANDING)
        for batch in (1, 2):
            shown.now_s += 2.0
            shown.progress.fit_progressed(
                FitProgress(quantized=False, epoch=1, epochs=2, batch=batch, batches=10, cross_entropy=0.9)
            )
    assert any(
        "float parent" in line and "epoch 1/2  loss 0.900  30 batches/min  0:36 left" in line for line in shown.lines()
    )


def live_lines(shown: Shown, standing: Standing) -> list[str]:
    """Return what the bars show in the middle of a training, the study's last."""
    shown.progress.trial_finished(measured(0, seconds=1200.0), standing)
    with shown.progress:
        shown.progress.trial_started(make_trial(1234), standing)
        for batch in (1, 2):
            shown.now_s += 0.08
            shown.progress.fit_progressed(
                FitProgress(quantized=True, epoch=1, epochs=120, batch=batch, batches=391, cross_entropy=0.9)
            )
    return shown.lines()[-2:]


def test_bars_with_pace_and_time_left_fit_80_columns():
    study, training = live_lines(Shown(is_terminal=True, width=80), replace(STANDING, trained=10, budget=200))
    assert "10/200  front 1  3 trials/h  63:20:00 left" in study
    assert "epoch 1/120  loss 0.900  12.5 batches/s  1:02:33 left" in training
    assert max(len(study), len(training)) <= 80
    assert "…" not in study + training


def test_workers_pace_is_that_of_all_of_them():
    study, _ = live_lines(Shown(is_terminal=True, n_workers=4), replace(STANDING, trained=10, budget=200))
    assert "10/200  front 1  hypervolume 12.5  12 trials/h  15:50:00 left" in study


def test_last_batch_is_followed_by_the_measurement():
    shown = Shown(is_terminal=True)
    with shown.progress:
        shown.progress.trial_started(make_trial(0), STANDING)
        shown.train(epochs=1, batches=2, seconds_a_batch=1.0, quantized=True)
    assert "epoch 1/1  loss 0.912  measuring" in shown.lines()[-1]


def measure_part_of(shown: Shown) -> None:
    shown.progress.trial_started(make_trial(1234), STANDING)
    for done in range(3):
        shown.progress.trial_measured(WorkSteps(what="pgd-local", noun="parts", done=done, total=6))
        shown.now_s += 40.0


def test_measurement_of_a_trial_moves_its_bar():
    shown = Shown(is_terminal=True, width=80)
    with shown.progress:
        measure_part_of(shown)
    line = shown.lines()[-1]
    assert line.startswith("trial 1234")
    assert "pgd-local  2/6  1.5 parts/min  2:40 left" in line
    assert len(line) <= 80


def test_trial_that_is_over_has_no_bar():
    shown = Shown(is_terminal=True, width=80)
    with shown.progress:
        measure_part_of(shown)
        shown.progress.trial_finished(measured(1234, seconds=60.0), STANDING)
    assert shown.lines()[-1].startswith("study")


def test_parent_s_measurement_before_the_first_trial_is_seen():
    shown = Shown(is_terminal=True)
    with shown.progress:
        for done in range(3):
            shown.progress.parent_measured(WorkSteps(what="float parent", noun="widths", done=done, total=40))
            shown.now_s += 4.0
    assert "float parent" in shown.lines()[-1]
    assert "2/40  15 widths/min  2:32 left" in shown.lines()[-1]


def test_study_s_time_left_is_the_mean_trial_times_the_trials_to_come():
    shown = Shown()
    shown.progress.trial_finished(measured(0, seconds=30.0), STANDING)
    shown.progress.trial_finished(measured(1, seconds=60.0), replace(STANDING, trained=2))
    shown.progress.trial_finished(measured(2, seconds=60.0), replace(STANDING, trained=3))
    first, second, third = shown.lines()
    assert first.endswith("[1/3]  front 1  hypervolume 12.5  1:00 left")
    assert second.endswith("[2/3]  front 1  hypervolume 12.5  0:45 left")
    assert third.endswith("[3/3]  front 1  hypervolume 12.5")


def test_workers_share_the_trials_to_come():
    shown = Shown(n_workers=4)
    shown.progress.trial_finished(measured(0, seconds=60.0), replace(STANDING, budget=11))
    # 10 trials of a minute, four at a time.
    assert shown.lines()[0].endswith("[1/11]  front 1  hypervolume 12.5  2:30 left")


def test_wait_for_another_worker_s_parent_is_explained():
    shown = Shown()
    shown.progress.parent_awaited({"width": 0.5})
    assert shown.lines() == ["another worker trains the float parent (width 0.5); waiting for it"]


def test_figures_of_synthetic_data_are_marked():
    shown = Shown()
    shown.progress.is_synthetic = True
    shown.progress.trial_finished(measured(0, seconds=30.0), STANDING)
    assert shown.lines()[0].endswith("  (synthetic)")


@pytest.mark.parametrize(("state", "word"), [(TrialState.REFUSED, "refused"), (TrialState.FAILED, "failed")])
def test_reason_is_printed_with_its_square_brackets_in_one_line(state, word):
    reason = "layers [bold]conv0[/] and [/] " + "of a long name " * 20 + "end"
    shown = Shown()
    shown.progress.trial_finished(make_trial(4, state=state, reason=reason), STANDING)
    assert shown.lines() == [f"trial   4  {word}: {reason}"]
