"""The tables of audits: of trials' models and of reference models, each with the attacks that were run."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, ForeignKeyConstraint, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from storage.schema import Row


class AuditColumns:
    """What a stored audit of any model has; `key` is a digest of everything that its figures depend on.

    `checks` is NULL until the checks are computed, which is after all attacks; `n_test` and `n_test_right`, which count
    the whole test split, in audits of versions that did not count it.
    """

    key: Mapped[str] = mapped_column(String(64))
    settings: Mapped[dict[str, Any]]
    n_examples: Mapped[int]
    is_right: Mapped[bytes] = mapped_column(LargeBinary)
    n_test: Mapped[int | None]
    n_test_right: Mapped[int | None]
    checks: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[datetime]


class AuditRow(AuditColumns, Row):
    """An audit of a trial's model."""

    __tablename__ = "cosearch_audits"
    __table_args__ = (
        ForeignKeyConstraint(["study_id", "number"], ["cosearch_trials.study_id", "cosearch_trials.number"]),
        UniqueConstraint("study_id", "number", "key"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int]
    number: Mapped[int]


class AttackColumns:
    """One finished attack: packed bits [n_epsilons, n] and float32 distances [n], little-endian."""

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    norm: Mapped[str] = mapped_column(String(8), primary_key=True)
    position: Mapped[int]
    epsilons: Mapped[list[float]]
    n_examples: Mapped[int]
    tried: Mapped[bytes] = mapped_column(LargeBinary)
    broken: Mapped[bytes] = mapped_column(LargeBinary)
    distances: Mapped[bytes | None] = mapped_column(LargeBinary)
    details: Mapped[dict[str, Any]]
    elapsed_s: Mapped[float]


class AuditAttackRow(AttackColumns, Row):
    """One finished attack of an audit of a trial's model."""

    __tablename__ = "cosearch_audit_attacks"

    audit_id: Mapped[int] = mapped_column(ForeignKey("cosearch_audits.id"), primary_key=True)


class ReferenceModelRow(AuditColumns, Row):
    """A network that others published, with its audit in a study."""

    __tablename__ = "cosearch_reference_models"
    __table_args__ = (UniqueConstraint("study_id", "name", "key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("cosearch_studies.id"))
    name: Mapped[str] = mapped_column(String(100))
    title: Mapped[str] = mapped_column(Text)
    size_bytes: Mapped[int]
    source: Mapped[dict[str, Any]]


class ReferenceAttackRow(AttackColumns, Row):
    """One finished attack on a reference model."""

    __tablename__ = "cosearch_reference_attacks"

    reference_id: Mapped[int] = mapped_column(ForeignKey("cosearch_reference_models.id"), primary_key=True)
