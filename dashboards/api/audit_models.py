"""What the API says of audits, of trials and of reference models."""

from datetime import datetime
from typing import Any

from pydantic import JsonValue

from dashboards.api.answer import Answer, Check, Fraction
from spaces.audit import AttackOutcome, CleanCount, WorstCase, norms_of, worst_case
from storage.audits import AuditRecord
from storage.conversion import plain_json
from storage.reference_models import ReferenceRecord


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


class WholeTest(Answer):
    """Clean predictions on the whole test split, of which the attacked examples are a part."""

    n_right: int
    n_examples: int
    accuracy: Fraction

    @classmethod
    def of(cls, count: CleanCount) -> "WholeTest":
        """Return what the API says of a count."""
        return cls(n_right=count.n_right, n_examples=count.n_examples, accuracy=count.accuracy)


class Audited(Answer):
    """What the audit of a model found on test examples."""

    key: str
    settings: dict[str, JsonValue]
    n_examples: int
    clean_accuracy: Fraction
    whole_test: WholeTest | None
    is_complete: bool
    masking_suspect: bool
    worst_case: list[Curve]
    attacks: list[Attack]
    checks: list[Check] | None
    created_at: datetime


class Audit(Audited):
    """An audit of a trial's model on test examples."""

    number: int

    @classmethod
    def of(cls, record: AuditRecord) -> "Audit":
        """Return what the API says of a stored audit."""
        return cls(number=record.number, **_audited(record))


class Audits(Answer):
    """Audits, oldest first."""

    audits: list[Audit]


class Reference(Audited):
    """A network that others published, audited in a study."""

    name: str
    title: str
    size_bytes: int
    source: dict[str, JsonValue]
    robust_accuracy: Fraction

    @classmethod
    def of(cls, record: ReferenceRecord) -> "Reference":
        """Return what the API says of a reference model."""
        own = {name: getattr(record, name) for name in ("name", "title", "size_bytes", "robust_accuracy")}
        return cls(**own, source=dict(record.source), **_audited(record))


class References(Answer):
    """Finished audits of reference models, by name, the newest of each last."""

    references: list[Reference]


def _audited(record: AuditRecord | ReferenceRecord) -> dict[str, Any]:
    curves = [worst_case(record.is_right, record.attacks, norm) for norm in norms_of(record.attacks)]
    return {
        "key": record.key,
        "settings": dict(record.settings),
        "n_examples": len(record.is_right),
        "clean_accuracy": float(record.is_right.mean()) if len(record.is_right) else 0.0,
        "whole_test": None if record.whole_test is None else WholeTest.of(record.whole_test),
        "is_complete": record.is_complete,
        "masking_suspect": record.masking_suspect,
        "worst_case": [Curve.of(curve) for curve in curves],
        "attacks": [Attack.of(outcome) for outcome in record.attacks],
        "checks": None if record.checks is None else [Check.of(check) for check in record.checks],
        "created_at": record.created_at,
    }
