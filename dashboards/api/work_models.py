"""What the API says of the work on a study: rungs of early stopping, workers, refinements."""

from datetime import datetime

from pydantic import JsonValue

from dashboards.api.answer import Answer
from dashboards.api.trial_models import Measured
from storage.refinements import RefinementRun
from storage.rungs import RungRecord
from storage.workers import WorkerRecord, WorkerState


class Rung(Answer):
    """A trial at a rung of early stopping."""

    number: int
    rung: int
    goes_on: bool
    measurement: Measured
    decision: dict[str, JsonValue]
    created_at: datetime

    @classmethod
    def of(cls, record: RungRecord) -> "Rung":
        """Return what the API says of a stored rung."""
        values = {name: getattr(record, name) for name in ("number", "rung", "goes_on", "created_at")}
        return cls(**values, measurement=Measured.of(record.measurement), decision=dict(record.decision))


class Rungs(Answer):
    """What trials measured at the rungs, by trial and rung."""

    rungs: list[Rung]


class Worker(Answer):
    """A worker process that lives."""

    name: str
    host: str
    pid: int
    n_threads: int
    state: WorkerState
    trial_number: int | None
    started_at: datetime
    last_seen_at: datetime

    @classmethod
    def of(cls, record: WorkerRecord) -> "Worker":
        """Return what the API says of a worker."""
        who = record.identity
        return cls(
            name=who.name,
            host=who.host,
            pid=who.pid,
            n_threads=who.n_threads,
            state=record.state,
            trial_number=record.number,
            started_at=record.started_at,
            last_seen_at=record.last_seen_at,
        )


class Workers(Answer):
    """The workers that live, by name."""

    workers: list[Worker]


class Refinement(Answer):
    """A candidate trained anew, with other epochs and a seed of its own."""

    number: int
    epochs: int
    repeat: int
    seed: int
    measurement: Measured | None
    reason: str | None

    @classmethod
    def of(cls, run: RefinementRun) -> "Refinement":
        """Return what the API says of a run."""
        values = {name: getattr(run, name) for name in ("number", "epochs", "repeat", "seed", "reason")}
        return cls(**values, measurement=None if run.measurement is None else Measured.of(run.measurement))


class Refinements(Answer):
    """All refinements of a study, by trial, epochs and repeat."""

    refinements: list[Refinement]
