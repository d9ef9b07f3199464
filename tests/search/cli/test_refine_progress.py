"""What a refinement prints where there is no terminal, with a clock that the test moves."""

import io

from rich.console import Console

from search.cli.refine_progress import RefineProgress
from search.refinement import PlannedRun
from search.training.fit import FitProgress
from tests.search.refined_builders import FIRED, build_runs, build_trial

PLANNED = [PlannedRun(trial=build_trial(number), repeat=repeat, seed=1) for repeat in (0, 1) for number in (3, 4)]


class Bench:
    """A display, what it printed, and its clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self._text = io.StringIO()
        console = Console(file=self._text, width=80)
        self.display = RefineProgress(console, clock=lambda: self.now)

    def batch(self, epoch: int, batch: int, *, quantized: bool = True) -> None:
        progress = FitProgress(quantized=quantized, epoch=epoch, epochs=2, batch=batch, batches=5, cross_entropy=0.25)
        self.display.fit_progressed(progress)

    def lines(self) -> list[str]:
        return self._text.getvalue().splitlines()


def test_refinement_says_what_is_left_from_the_time_that_its_batches_took() -> None:
    bench = Bench()
    with bench.display as display:
        display.refinement_started(PLANNED, n_stored=1)
        display.run_started(PLANNED[1])
        bench.batch(1, 1)  # a tenth of the run: the clock starts after the batch in which the network is traced
        bench.now = 31.0
        bench.batch(1, 5)  # four tenths in 31 s, and 2.5 runs to go: 193.75 s
        bench.now = 90.0
        display.run_finished(build_runs(4, [0.5], checks=[FIRED])[0])  # nine tenths in 90 s, two runs to go
        display.run_started(PLANNED[2])
        bench.now = 100.0
        display.run_finished(build_runs(3, [None])[0])
        display.run_finished(build_runs(4, [0.5])[0])
    assert bench.lines() == [
        "refining 2 candidates: 4 trainings, 1 of them stored already",
        "trial 4, seed 1: epoch 1/2  loss 0.250  7.74 batches/min  3:13 left",
        "trial 4, seed 1?  clean 0.625  robust 0.500  [2/4]  3:20 left",
        "trial 3, seed 2   failed: the loss [nan] is not finite  [3/4]  0:52 left",
        "trial 3, seed 2   clean 0.625  robust 0.500  [4/4]",
    ]


def test_parent_that_is_lost_is_said_and_its_batches_do_not_count() -> None:
    bench = Bench()
    with bench.display as display:
        display.refinement_started(PLANNED[:1], n_stored=0)
        display.run_started(PLANNED[0])
        display.parent_started({"width": 0.5})
        bench.now = 100.0
        bench.batch(1, 5, quantized=False)
        display.run_finished(build_runs(3, [0.5])[0])
    assert bench.lines() == [
        "refining 1 candidate: 1 training",
        "training the float parent (width 0.5), because its stored weights are not to be had",
        "trial 3, seed 1   clean 0.625  robust 0.500  [1/1]",
    ]
