"""What early stopping decided at every rung."""

from collections.abc import Sequence
from dataclasses import dataclass

from dashboards.snapshot import StudySnapshot
from storage.rungs import RungRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class RungArrival:
    """One trial at a rung; the accuracies are those of the rung's small attack subset."""

    number: int
    rung: int
    epochs: int
    clean_accuracy: float
    robust_accuracy: float
    goes_on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RungDecisionsInfo:
    """All arrivals at the rungs.

    Attributes:
        mode: the study's mode of early stopping.
        rung_epochs: epochs of training at which trials are compared; empty where early stopping is off.
        arrivals: by rung and trial.
        note: why there is nothing to draw; None when there is.
    """

    title: str
    mode: str
    rung_epochs: tuple[int, ...]
    arrivals: tuple[RungArrival, ...]
    is_synthetic: bool
    note: str | None

    def counts(self, rung: int) -> tuple[int, int]:
        """Return how many trials went on from a rung, and how many did not."""
        here = [arrival.goes_on for arrival in self.arrivals if arrival.rung == rung]
        return sum(here), len(here) - sum(here)


def rung_decisions_info(snapshot: StudySnapshot, rungs: Sequence[RungRecord]) -> RungDecisionsInfo:
    """Collect the decisions of a study's rungs."""
    spec = snapshot.spec
    arrivals = tuple(
        RungArrival(
            number=record.number,
            rung=record.rung,
            epochs=record.measurement.epochs,
            clean_accuracy=record.measurement.clean_accuracy,
            robust_accuracy=record.measurement.robust_accuracy,
            goes_on=record.goes_on,
        )
        for record in sorted(rungs, key=lambda record: (record.rung, record.number))
    )
    is_off = spec.early_stopping.mode == "off"
    note = "early stopping is off in this study: every trial is trained to the end" if is_off else None
    return RungDecisionsInfo(
        title=f"Decisions at the rungs of {snapshot.study.name}",
        mode=spec.early_stopping.mode,
        rung_epochs=spec.rungs(),
        arrivals=arrivals,
        is_synthetic=snapshot.study.is_synthetic,
        note=None if arrivals else note or "no trial has reached a rung yet",
    )
