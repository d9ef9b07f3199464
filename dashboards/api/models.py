"""What the API answers with: the frozen records as JSON, whose schemas the OpenAPI document is made of.

Moments are ISO 8601 in UTC, accuracies fractions, sizes bytes; numbers that are not finite are null.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from spaces.audit import AttackOutcome, WorstCase, norms_of, worst_case
from spaces.check_result import CheckResult
from spaces.measurement import Measurement
from storage.audits import AuditRecord
from storage.conversion import plain_json
from storage.records import RevisionRecord, StudyRecord, TrialRecord, TrialState
from storage.refinements import RefinementRun
from storage.rungs import RungRecord
from storage.study_progress import StudyProgress
from storage.workers import WorkerRecord, WorkerState

Fraction = Annotated[float, Field(ge=0, le=1)]


class Answer(BaseModel):
    """Base of all answers: frozen, and every field that the schema names is there."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Problem(Answer):
    """Why a request was not answered."""

    status: int
    message: str = Field(description="What was asked for, what holds, and what to do.")


class Revision(Answer):
    """One state of a study's front."""

    revision: int
    trial_number: int | None = Field(description="The trial that made it; null for revision 0, the empty front.")
    hypervolume: float
    size: int
    created_at: datetime

    @classmethod
    def of(cls, record: RevisionRecord) -> "Revision":
        """Return what the API says of a stored revision."""
        return cls(**{name: getattr(record, name) for name in cls.model_fields})


class Study(Answer):
    """A study in brief."""

    name: str
    data: str
    is_synthetic: bool = Field(description="A dry run on drawn images, whose figures mean nothing.")
    trial_budget: int | None
    trials: dict[TrialState, int]
    workers_alive: int
    front: Revision
    trials_per_hour: float | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def of(cls, progress: StudyProgress, *, workers_alive: int) -> "Study":
        """Return what the API says of a study's progress."""
        study = progress.study
        return cls(
            name=study.name,
            data=str(study.data.get("name", "")),
            is_synthetic=study.is_synthetic,
            trial_budget=study.spec.get("budget", {}).get("trials"),
            trials=dict(progress.counts),
            workers_alive=workers_alive,
            front=Revision.of(progress.revision),
            trials_per_hour=progress.trials_per_hour,
            created_at=study.created_at,
            started_at=progress.started_at,
            finished_at=progress.finished_at,
        )


class Studies(Answer):
    """All studies, oldest first."""

    studies: list[Study]


class StudyDetail(Answer):
    """What a study was made from."""

    name: str
    spec: dict[str, JsonValue]
    spec_fingerprint: str
    data: dict[str, JsonValue]
    versions: dict[str, str]
    created_at: datetime

    @classmethod
    def of(cls, record: StudyRecord) -> "StudyDetail":
        """Return what the API says of a stored study."""
        return cls(**{name: getattr(record, name) for name in cls.model_fields})


class Check(Answer):
    """One check: a sign that a robust accuracy is or is not to be trusted."""

    name: str
    value: float | None
    bound: float | None
    passed: bool
    is_precondition: bool

    @classmethod
    def of(cls, check: CheckResult) -> "Check":
        """Return what the API says of a check."""
        return cls(**plain_json(check.to_json()))


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
    masking_suspect: bool
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


class Revisions(Answer):
    """The front's history, ascending."""

    revisions: list[Revision]


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


class Attack(Answer):
    """What one attack of an audit left."""

    name: str
    norm: str
    epsilons: list[float]
    n_examples: int
    accuracy: list[Fraction]
    median_distance: float | None
    elapsed_s: float

    @classmethod
    def of(cls, outcome: AttackOutcome) -> "Attack":
        """Return what the API says of an attack."""
        return cls(
            name=outcome.name,
            norm=outcome.norm.value,
            epsilons=list(outcome.epsilons),
            n_examples=outcome.n_examples,
            accuracy=list(outcome.accuracy),
            median_distance=plain_json(outcome.median_distance),
            elapsed_s=outcome.elapsed_s,
        )


class Curve(Answer):
    """Accuracy under the worst of all attacks of a norm, with 95% intervals."""

    norm: str
    epsilons: list[float]
    accuracy: list[Fraction]
    intervals: list[tuple[float, float]]

    @classmethod
    def of(cls, curve: WorstCase) -> "Curve":
        """Return what the API says of a worst case."""
        return cls(
            norm=curve.norm.value,
            epsilons=list(curve.epsilons),
            accuracy=list(curve.accuracy),
            intervals=list(curve.intervals),
        )


class Audit(Answer):
    """An audit of a trial's model on test images."""

    number: int
    key: str
    settings: dict[str, JsonValue]
    n_examples: int
    clean_accuracy: Fraction
    is_complete: bool
    masking_suspect: bool
    worst_case: list[Curve]
    attacks: list[Attack]
    checks: list[Check] | None
    created_at: datetime

    @classmethod
    def of(cls, record: AuditRecord) -> "Audit":
        """Return what the API says of a stored audit."""
        curves = [worst_case(record.is_right, record.attacks, norm) for norm in norms_of(record.attacks)]
        return cls(
            number=record.number,
            key=record.key,
            settings=dict(record.settings),
            n_examples=len(record.is_right),
            clean_accuracy=float(record.is_right.mean()) if len(record.is_right) else 0.0,
            is_complete=record.is_complete,
            masking_suspect=record.masking_suspect,
            worst_case=[Curve.of(curve) for curve in curves],
            attacks=[Attack.of(outcome) for outcome in record.attacks],
            checks=None if record.checks is None else [Check.of(check) for check in record.checks],
            created_at=record.created_at,
        )


class Audits(Answer):
    """Audits, oldest first."""

    audits: list[Audit]


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
