"""The evaluator of a refinement: as that of the search, but a training can be followed from epoch to epoch."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from search.evaluation import Evaluator, Watch
from search.training.checkpoint import EpochRecord, FitState
from search.training.fit import AfterEpoch, FitPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochWatch(Watch):
    """How the outside follows a training epoch by epoch.

    Attributes:
        after_epoch: called after every epoch of the candidate; what it raises ends the training.
    """

    after_epoch: AfterEpoch


class RefinementEvaluator(Evaluator):
    """An evaluator whose watches may be called after every epoch."""

    def _fit(
        self,
        bench: Any,
        plan: FitPlan,
        batch_size: int,
        watch: Watch,
        *,
        start: FitState | None,
        after_epoch: AfterEpoch,
    ) -> tuple[EpochRecord, ...]:
        def both(epochs: int, read_state: Callable[[], FitState]) -> None:
            after_epoch(epochs, read_state)
            if isinstance(watch, EpochWatch) and plan.quantized:
                watch.after_epoch(epochs, read_state)

        return super()._fit(bench, plan, batch_size, watch, start=start, after_epoch=both)
