"""The time that a study's trials took, from its database, and which of them lie within a budget; pure functions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from storage.records import TrialRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """A finished trial, and when it ended on a clock that runs while trials are worked on.

    Attributes:
        end_s: seconds of this trial and all before it.
    """

    record: TrialRecord
    end_s: float


def trial_seconds(record: TrialRecord) -> float:
    """Return what a trial took: start, training and measurement.

    A training that went on from a checkpoint has told the time of its last process alone; the curve has every epoch.
    A trial that failed told nothing, so the clock of its beginning and end stands in.
    """
    timings = record.timings
    if not timings:
        return 0.0 if record.finished_at is None else (record.finished_at - record.started_at).total_seconds()
    epochs_s = sum(epoch["elapsed_s"] for epoch in record.details.get("curve", ()))
    training_s = max(timings.get("training_s", 0.0), epochs_s)
    return timings.get("start_s", 0.0) + training_s + timings.get("measuring_s", 0.0)


def timed(records: Iterable[TrialRecord]) -> list[Timed]:
    """Return the finished trials of a study with one worker, in their order.

    A trial of a candidate that an earlier one had counts for nothing. Only the second baseline can be one: where all
    Jacobian weights are fixed at 0 it is the first again, and such an arm would pay for a trial that others need not.
    """
    found: list[Timed] = []
    seen: set[str] = set()
    end_s = 0.0
    for record in sorted(records, key=lambda each: each.number):
        if record.finished_at is None or record.candidate.fingerprint in seen:
            continue
        seen.add(record.candidate.fingerprint)
        end_s += trial_seconds(record)
        found.append(Timed(record=record, end_s=end_s))
    return found


def used_s(records: Iterable[TrialRecord]) -> float:
    """Return what all finished trials took."""
    return max((item.end_s for item in timed(records)), default=0.0)


def within(items: Sequence[Timed], budget_s: float) -> list[Timed]:
    """Return the trials that ended within a budget; the one that crosses its end does not count."""
    return [item for item in items if item.end_s <= budget_s]
