"""The first tables: studies, trials, the front's intervals and revisions, parents, artifacts."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create all tables."""
    _create_studies()
    _create_trials()
    _create_front()
    _create_files()


def _moment() -> sa.DateTime:
    return sa.DateTime(timezone=True)


def _study_id() -> sa.Column[int]:
    return sa.Column("study_id", sa.Integer(), nullable=False)


def _primary_key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=f"pk_{table}")


def _study_key(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["study_id"], ["cosearch_studies.id"], name=f"fk_{table}_study_id")


def _trial_key(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["study_id", "number"],
        ["cosearch_trials.study_id", "cosearch_trials.number"],
        name=f"fk_{table}_study_id_number",
    )


def _create_studies() -> None:
    op.create_table(
        "cosearch_studies",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("spec_fingerprint", sa.String(64), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("versions", sa.JSON(), nullable=False),
        sa.Column("created_at", _moment(), nullable=False),
        _primary_key("cosearch_studies", "id"),
        sa.UniqueConstraint("name", name="uq_cosearch_studies_name"),
    )


def _create_trials() -> None:
    table = "cosearch_trials"
    op.create_table(
        table,
        _study_id(),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("candidate", sa.JSON(), nullable=False),
        sa.Column("candidate_fingerprint", sa.String(64), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("measurement", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("violations", sa.JSON(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("timings", sa.JSON(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("is_told", sa.Boolean(), nullable=False),
        sa.Column("started_at", _moment(), nullable=False),
        sa.Column("finished_at", _moment(), nullable=True),
        _primary_key(table, "study_id", "number"),
        _study_key(table),
    )
    op.create_index(f"ix_{table}_study_id_candidate_fingerprint", table, ["study_id", "candidate_fingerprint"])
    op.create_index(f"ix_{table}_study_id_state", table, ["study_id", "state"])


def _create_front() -> None:
    entries, revisions = "cosearch_front_entries", "cosearch_revisions"
    op.create_table(
        entries,
        _study_id(),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("entered_revision", sa.Integer(), nullable=False),
        sa.Column("left_revision", sa.Integer(), nullable=True),
        _primary_key(entries, "study_id", "number"),
        _trial_key(entries),
    )
    op.create_index(f"ix_{entries}_study_id_left_revision", entries, ["study_id", "left_revision"])
    op.create_table(
        revisions,
        _study_id(),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("hypervolume", sa.Double(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("created_at", _moment(), nullable=False),
        _primary_key(revisions, "study_id", "revision"),
        _study_key(revisions),
        _trial_key(revisions),
    )


def _create_files() -> None:
    parents, artifacts = "cosearch_parents", "cosearch_artifacts"
    op.create_table(
        parents,
        _study_id(),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("clean_accuracy", sa.Double(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        _primary_key(parents, "study_id", "key"),
        _study_key(parents),
    )
    op.create_table(
        artifacts,
        _study_id(),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        _primary_key(artifacts, "study_id", "number", "name"),
        _trial_key(artifacts),
    )
