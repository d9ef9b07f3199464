"""The tables, as typed rows without queries; they share a database with Optuna's and never refer to those."""

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    MetaData,
    String,
    Text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

TABLE_PREFIX = "cosearch_"
VERSION_TABLE = "cosearch_alembic_version"


class UtcDateTime(TypeDecorator[datetime]):
    """A moment, stored in UTC and given back aware; SQLite alone would give it back naive."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """Convert to UTC.

        Raises:
            ValueError: the value has no time zone.
        """
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a stored time needs a time zone; got the naive {value.isoformat()}.")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """Return the moment with UTC as its time zone."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Row(DeclarativeBase):
    """Base of all rows; every constraint has a name, so that a later migration can change it."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        }
    )
    type_annotation_map: ClassVar = {datetime: UtcDateTime, float: Double, dict[str, Any]: JSON, list[float]: JSON}


class StudyRow(Row):
    """A study and what it was made from."""

    __tablename__ = "cosearch_studies"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    spec: Mapped[dict[str, Any]]
    spec_fingerprint: Mapped[str] = mapped_column(String(64))
    data: Mapped[dict[str, Any]]
    versions: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class TrialRow(Row):
    """A trial from its start on; one row is one result.

    `lease_epoch` counts the workers that had the trial: who holds an older epoch has lost it. `lease_expires_at` is in
    seconds since 1970 by the database's clock, NULL once the trial is finished.
    """

    __tablename__ = "cosearch_trials"
    # Not unique: two workers may train the same candidate at the same time, and neither result is thrown away.
    __table_args__ = (
        Index(None, "study_id", "candidate_fingerprint"),
        Index(None, "study_id", "state"),
    )

    study_id: Mapped[int] = mapped_column(ForeignKey("cosearch_studies.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    state: Mapped[str] = mapped_column(String(16))
    candidate: Mapped[dict[str, Any]]
    candidate_fingerprint: Mapped[str] = mapped_column(String(64))
    seed: Mapped[int] = mapped_column(BigInteger)
    measurement: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    violations: Mapped[list[float]]
    reason: Mapped[str | None] = mapped_column(Text)
    timings: Mapped[dict[str, Any]]
    details: Mapped[dict[str, Any]]
    owner: Mapped[str] = mapped_column(Text)
    lease_epoch: Mapped[int] = mapped_column(server_default="1")
    lease_expires_at: Mapped[float | None]
    is_told: Mapped[bool]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class FrontEntryRow(Row):
    """A trial's time on the front: from `entered_revision` on, until before `left_revision` (NULL: a member now).

    A trial enters at most once: what dominated it is dominated only by what dominates it too.
    """

    __tablename__ = "cosearch_front_entries"
    __table_args__ = (
        ForeignKeyConstraint(["study_id", "number"], ["cosearch_trials.study_id", "cosearch_trials.number"]),
        Index(None, "study_id", "left_revision"),
    )

    study_id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    entered_revision: Mapped[int]
    left_revision: Mapped[int | None]


class RevisionRow(Row):
    """One state of a study's front; `number` is the trial that made it, NULL for the empty front."""

    __tablename__ = "cosearch_revisions"
    __table_args__ = (
        ForeignKeyConstraint(["study_id", "number"], ["cosearch_trials.study_id", "cosearch_trials.number"]),
    )

    study_id: Mapped[int] = mapped_column(ForeignKey("cosearch_studies.id"), primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int | None]
    hypervolume: Mapped[float]
    size: Mapped[int]
    created_at: Mapped[datetime]


class ParentRow(Row):
    """A trained float parent of a study; its weights are the artifact `digest`."""

    __tablename__ = "cosearch_parents"

    study_id: Mapped[int] = mapped_column(ForeignKey("cosearch_studies.id"), primary_key=True)
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    clean_accuracy: Mapped[float]
    details: Mapped[dict[str, Any]]


class ParentLeaseRow(Row):
    """Which worker trains a float parent, so that the others wait for it; studies share parents, so the key is all.

    `epoch` grows when another worker takes it over; `expires_at` is in seconds since 1970 by the database's clock.
    """

    __tablename__ = "cosearch_parent_leases"

    key: Mapped[str] = mapped_column(Text, primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("cosearch_studies.id"))
    owner: Mapped[str] = mapped_column(String(200))
    epoch: Mapped[int]
    expires_at: Mapped[float]


class ArtifactRow(Row):
    """A named file of a trial, by the digest of its content."""

    __tablename__ = "cosearch_artifacts"
    __table_args__ = (
        ForeignKeyConstraint(["study_id", "number"], ["cosearch_trials.study_id", "cosearch_trials.number"]),
    )

    study_id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), index=True)


class WorkerRow(Row):
    """A worker process of a study; moments are seconds since 1970 by the database's clock."""

    __tablename__ = "cosearch_workers"

    study_id: Mapped[int] = mapped_column(ForeignKey("cosearch_studies.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    host: Mapped[str] = mapped_column(Text)
    pid: Mapped[int]
    n_threads: Mapped[int]
    state: Mapped[str] = mapped_column(String(16))
    number: Mapped[int | None]
    started_at: Mapped[float]
    last_seen_at: Mapped[float]


class RungRow(Row):
    """What a trial measured when it reached a rung, and whether it was let go on; never changed afterwards."""

    __tablename__ = "cosearch_rungs"
    __table_args__ = (
        ForeignKeyConstraint(["study_id", "number"], ["cosearch_trials.study_id", "cosearch_trials.number"]),
        Index(None, "study_id", "rung"),
    )

    study_id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    rung: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    epochs: Mapped[int]
    measurement: Mapped[dict[str, Any]]
    goes_on: Mapped[bool]
    decision: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class CheckpointRow(Row):
    """A named file of the checkpoint that was taken at a rung, by the digest of its content.

    Rows of their own and no JSON in `RungRow`: whether a file is still needed is asked by digest, through the index.
    """

    __tablename__ = "cosearch_checkpoints"
    __table_args__ = (
        ForeignKeyConstraint(
            ["study_id", "number", "rung"], ["cosearch_rungs.study_id", "cosearch_rungs.number", "cosearch_rungs.rung"]
        ),
    )

    study_id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    rung: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), index=True)


class RefinementRow(Row):
    """A candidate trained anew, for other epochs than in the search and with a seed of its own; never changed.

    `measurement` is NULL and `reason` says why where the training failed.
    """

    __tablename__ = "cosearch_refinements"
    __table_args__ = (
        ForeignKeyConstraint(["study_id", "number"], ["cosearch_trials.study_id", "cosearch_trials.number"]),
    )

    study_id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    epochs: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seed: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    repeat: Mapped[int]
    measurement: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    reason: Mapped[str | None] = mapped_column(Text)
    timings: Mapped[dict[str, Any]]
    details: Mapped[dict[str, Any]]
    finished_at: Mapped[datetime]


class RefinementArtifactRow(Row):
    """A named file of the model of a refinement, by the digest of its content."""

    __tablename__ = "cosearch_refinement_artifacts"
    __table_args__ = (
        ForeignKeyConstraint(
            ["study_id", "number", "epochs", "seed"],
            [f"cosearch_refinements.{column}" for column in ("study_id", "number", "epochs", "seed")],
        ),
    )

    study_id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    epochs: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seed: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), index=True)
