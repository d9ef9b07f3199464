"""What the API says of trials and fronts: records as JSON, of which the OpenAPI document takes its schemas."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import Field, JsonValue

from dashboards.api.answer import Answer, Check, Fraction
from dashboards.api.study_models import Revision
from spaces.measurement import Measurement
from storage.records import TrialRecord, TrialState


class Measured(Answer):
    """What was measured of one trained candidate."""

    clean_accuracy: Fraction
    robust_accuracy: Fraction
    epsilons: list[float]
    worst_case: list[Fraction]
    attack_accuracy: dict[str, list[Fraction]]
    subset_clean_accuracy: Fraction
    size_bytes: int
    macs: int
    bops: int
    ram_bytes: int
    epochs: int
    seed: int
    checks: list[Check]
    masking_suspect: bool = Field(description="Whether one of these checks fired; an audit tells its own.")
    withheld_reason: str | None

    @classmethod
    def of(cls, measurement: Measurement) -> "Measured":
        """Return what the API says of a measurement."""
        own = {"checks", "masking_suspect", "withheld_reason"}
        values = {name: value for name, value in measurement.to_json().items() if name in cls.model_fields}
        return cls(
            **{name: value for name, value in values.items() if name not in own},
            checks=[Check.of(check) for check in measurement.checks],
            masking_suspect=measurement.masking_suspect,
            withheld_reason=measurement.withheld_reason,
        )


class Policy(Answer):
    """What one layer gets."""

    weight_bits: int
    weight_quantizer: str
    activation_bits: int | None
    jr_weight: float


class Chosen(Answer):
    """A candidate: all that the search chose."""

    policies: dict[str, Policy]
    topology: dict[str, float]
    training: dict[str, float]


class Trial(Answer):
    """A trial as lists show it."""

    number: int
    state: TrialState
    is_feasible: bool
    violations: list[float]
    reason: str | None
    candidate: Chosen
    measurement: Measured | None
    started_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, record: TrialRecord) -> "Trial":
        """Return what the API says of a stored trial."""
        return cls(**_trial_values(record))


class Trials(Answer):
    """A page of trials, by number."""

    trials: list[Trial]
    total: int = Field(description="Trials of the study in the states asked for, on all pages.")
    next_after: int | None = Field(description="`after` of the next page; null on the last one.")


class TrialDetail(Trial):
    """A trial with everything that is stored of it."""

    seed: int
    owner: str
    timings: dict[str, float | None]
    details: dict[str, JsonValue]
    artifacts: dict[str, str] = Field(description="File name -> SHA-256 of its content.")

    @classmethod
    def with_artifacts(cls, record: TrialRecord, artifacts: dict[str, str]) -> "TrialDetail":
        """Return what the API says of one stored trial."""
        return cls(
            **_trial_values(record),
            seed=record.seed,
            owner=record.owner,
            timings=dict(record.timings),
            details=dict(record.details),
            artifacts=artifacts,
        )


class Front(Answer):
    """The Pareto front at a revision."""

    revision: Revision
    trials: list[Trial]


def trials_of(records: Sequence[TrialRecord]) -> list[Trial]:
    """Return what the API says of trials."""
    return [Trial.of(record) for record in records]


def _trial_values(record: TrialRecord) -> dict[str, Any]:
    return {
        "number": record.number,
        "state": record.state,
        "is_feasible": record.state is TrialState.COMPLETE and record.is_feasible,
        "violations": list(record.violations),
        "reason": record.reason,
        "candidate": Chosen(**record.candidate.to_json()),
        "measurement": None if record.measurement is None else Measured.of(record.measurement),
        "started_at": record.started_at,
        "finished_at": record.finished_at,
    }
