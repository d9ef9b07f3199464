"""Frozen records that the repository hands out; never live rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from spaces.candidate import Candidate
from spaces.measurement import Measurement

MAX_INTEGER = 2**31 - 1  # of the databases' columns


class TrialState(StrEnum):
    """Where a trial stands.

    RUNNING: a worker has it. COMPLETE: trained and measured. STOPPED: given up at a rung, where its last measurement
    stands. FAILED: it broke, with a reason. REFUSED: not trained, because a constraint on size can be decided by
    arithmetic or the same candidate was measured before.
    """

    RUNNING = "running"
    COMPLETE = "complete"
    FAILED = "failed"
    REFUSED = "refused"
    STOPPED = "stopped"

    @property
    def is_budgeted(self) -> bool:
        """Whether a trial in this state takes a place in the trial budget; one that was refused cost nothing."""
        return self is not TrialState.REFUSED


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRecord:
    """A study as stored.

    Attributes:
        spec: the specification as JSON values (`StudySpec.model_dump(mode="json")`).
        spec_fingerprint: `StudySpec.fingerprint`.
        data: description of the data: name, fingerprint, sizes of the splits, whether it is synthetic.
        versions: package name -> version at creation.
    """

    id: int
    name: str
    spec: Mapping[str, Any]
    spec_fingerprint: str
    data: Mapping[str, Any]
    versions: Mapping[str, str]
    created_at: datetime

    @property
    def is_synthetic(self) -> bool:
        """Whether the study ran on synthetic images, a dry run whose figures mean nothing."""
        return bool(self.data.get("is_synthetic", False))

    @property
    def data_note(self) -> str:
        """What a reader of the figures has to know of the data, as a sentence or a part of one; empty for nothing."""
        return str(self.data.get("note", ""))

    @property
    def shown_data_note(self) -> str:
        """The note where figures are shown; empty for synthetic images, whose warning stands there instead."""
        return "" if self.is_synthetic else self.data_note


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRecord:
    """One trial as stored; `number` is Optuna's number of the same trial.

    Attributes:
        measurement: only of a complete trial.
        violations: the study's constraints in order, feasible when <= 0; empty until measured.
        reason: why it failed, was stopped or was refused.
        timings: part of the trial -> seconds, e.g. {"training_s": 12.3}.
        details: further small JSON values: training curve, layer sizes, parent, activation ranges.
        owner: the process that runs it or ran it.
        is_told: whether Optuna knows the outcome.
    """

    number: int
    state: TrialState
    candidate: Candidate
    seed: int
    measurement: Measurement | None
    violations: tuple[float, ...]
    reason: str | None
    timings: Mapping[str, float]
    details: Mapping[str, Any]
    owner: str
    is_told: bool
    started_at: datetime
    finished_at: datetime | None

    @property
    def is_feasible(self) -> bool:
        """Whether the trial is complete, its score counts, and it breaks no constraint."""
        is_withheld = self.measurement is None or self.measurement.withheld_reason is not None
        return not is_withheld and all(violation <= 0 for violation in self.violations)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialOutcome:
    """What a worker hands in for a trial that is over; the fields are those of `TrialRecord`."""

    state: TrialState
    measurement: Measurement | None = None
    reason: str | None = None
    timings: Mapping[str, float]
    details: Mapping[str, Any]

    def __post_init__(self) -> None:
        if self.state is TrialState.RUNNING:
            raise ValueError("an outcome is COMPLETE, STOPPED, FAILED or REFUSED; got RUNNING.")
        if (self.state is TrialState.COMPLETE) != (self.measurement is not None):
            has = "no" if self.measurement is None else "a"
            raise ValueError(f"only a COMPLETE outcome has a measurement; got {self.state} with {has} measurement.")

    def to_json(self) -> dict[str, Any]:
        """Return values for JSON from which `from_json` makes an equal outcome."""
        return {
            "state": self.state.value,
            "measurement": None if self.measurement is None else self.measurement.to_json(),
            "reason": self.reason,
            "timings": dict(self.timings),
            "details": dict(self.details),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "TrialOutcome":
        """Rebuild an outcome from `to_json`."""
        measurement = value["measurement"]
        return cls(
            state=TrialState(value["state"]),
            measurement=None if measurement is None else Measurement.from_json(measurement),
            reason=value["reason"],
            timings=value["timings"],
            details=value["details"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionRecord:
    """One state of the front: revision 0 is the empty front, every finished trial that changes it adds one.

    Attributes:
        trial_number: the trial whose arrival made the revision; None for revision 0.
        size: members of the front.
    """

    revision: int
    trial_number: int | None
    hypervolume: float
    size: int
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ParentRecord:
    """A trained float parent of one topology.

    Attributes:
        key: what it was made from: topology, width, parent settings, seed.
        digest: the artifact that holds its weights.
        clean_accuracy: on the validation split.
        details: epochs, seconds, source file, whether it may have seen the validation images.
    """

    key: str
    digest: str
    clean_accuracy: float
    details: Mapping[str, Any]
