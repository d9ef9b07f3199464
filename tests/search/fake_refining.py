"""An evaluator for refinements that trains nothing."""

import random
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

from search.evaluation import Evaluation, Watch
from search.training.checkpoint import FitState
from search.training.fit import FitProgress, StopRequestedError
from spaces.candidate import Candidate
from spaces.errors import TrialError
from tests.builders import build_measurement
from tests.search.worker_bench import state_after


@dataclass
class FakeEvaluator:
    """Stands for an `Evaluator`: two batches an epoch, and figures that follow from candidate and seed.

    Attributes:
        fails: seeds whose training fails.
    """

    epochs: int
    fails: tuple[int, ...] = ()

    def evaluate(self, candidate: Candidate, *, seed: int, watch: Watch, start: FitState | None = None) -> Evaluation:
        for epoch in range(0 if start is None else len(start.records), self.epochs):
            for batch in (1, 2):
                watch.on_progress(
                    FitProgress(
                        quantized=True, epoch=epoch + 1, epochs=self.epochs, batch=batch, batches=2, cross_entropy=1.0
                    )
                )
                if watch.should_stop():
                    raise StopRequestedError
            watch.after_epoch(epoch + 1, lambda epochs=epoch + 1: state_after(epochs))
        if seed in self.fails:
            raise TrialError("the loss is not finite")
        figure = random.Random(f"{candidate.fingerprint}/{seed}").random()
        files = {"model.json": candidate.fingerprint.encode(), "weights.npz": str(figure).encode()}
        model: Any = SimpleNamespace(to_files=lambda: files)
        return Evaluation(
            measurement=replace(build_measurement(figure, figure, size_bytes=500, seed=seed), epochs=self.epochs),
            model=model,
            timings={"training_s": 1.5},
            details={"curve": []},
        )
