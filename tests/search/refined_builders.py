"""Runs of refinements whose means and deviations can be worked out by hand."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from spaces.check_result import CheckResult
from spaces.measurement import Measurement
from storage.records import TrialRecord, TrialState
from storage.refinements import RefinementRun
from tests.builders import build_candidate, build_measurement

EPOCHS = 6
MOMENT = datetime(2026, 5, 1, tzinfo=UTC)
FIRED = CheckResult(name="restarts", value=0.5, bound=0.1, passed=False)
WITHHELD = CheckResult(name="deterministic", value=0.5, bound=0.0, passed=False, is_precondition=True)


def build_trial(number: int, *, size_bytes: int = 500, checks: Sequence[CheckResult] = ()) -> TrialRecord:
    """Return a complete trial: clean 0.75, robust 0.5 after 3 epochs."""
    return TrialRecord(
        number=number,
        state=TrialState.COMPLETE,
        candidate=build_candidate(),
        seed=number,
        measurement=replace(build_measurement(0.75, 0.5, size_bytes=size_bytes), checks=tuple(checks)),
        violations=(),
        reason=None,
        timings={},
        details={},
        owner="w1",
        is_told=True,
        started_at=MOMENT,
        finished_at=MOMENT,
    )


def build_runs(
    number: int,
    robust: Sequence[float | None],
    *,
    epochs: int = EPOCHS,
    size_bytes: int = 500,
    checks: Sequence[CheckResult] = (),
) -> list[RefinementRun]:
    """Return one run for each robust accuracy, None for one that failed; the clean accuracy is 0.125 higher."""
    return [
        RefinementRun(
            number=number,
            epochs=epochs,
            repeat=repeat,
            seed=10 * number + repeat,
            measurement=None if value is None else _measurement(value, epochs, size_bytes, checks),
            reason="the loss [nan] is not finite" if value is None else None,
            timings={"training_s": 1.5},
            details={},
        )
        for repeat, value in enumerate(robust)
    ]


def _measurement(robust: float, epochs: int, size_bytes: int, checks: Sequence[CheckResult]) -> Measurement:
    measurement = build_measurement(robust + 0.125, robust, size_bytes=size_bytes)
    return replace(measurement, epochs=epochs, checks=tuple(checks))
