"""Many workers: leases on trials and parents, the workers themselves, and what was decided at every rung."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, tables and indexes; a trial that was running then is anybody's to take over."""
    op.add_column("cosearch_trials", sa.Column("lease_epoch", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("cosearch_trials", sa.Column("lease_expires_at", sa.Double(), nullable=True))
    op.execute("UPDATE cosearch_trials SET lease_expires_at = 0 WHERE state = 'running'")
    op.create_index("ix_cosearch_artifacts_digest", "cosearch_artifacts", ["digest"])
    _create_workers()
    _create_parent_leases()
    _create_rungs()
    _create_checkpoints()


def _create_workers() -> None:
    table = "cosearch_workers"
    op.create_table(
        table,
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("n_threads", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("last_seen_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("study_id", "name", name=f"pk_{table}"),
        sa.ForeignKeyConstraint(["study_id"], ["cosearch_studies.id"], name=f"fk_{table}_study_id"),
    )


def _create_parent_leases() -> None:
    table = "cosearch_parent_leases"
    op.create_table(
        table,
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=f"pk_{table}"),
        sa.ForeignKeyConstraint(["study_id"], ["cosearch_studies.id"], name=f"fk_{table}_study_id"),
    )


def _create_rungs() -> None:
    table = "cosearch_rungs"
    op.create_table(
        table,
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("rung", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("epochs", sa.Integer(), nullable=False),
        sa.Column("measurement", sa.JSON(), nullable=False),
        sa.Column("goes_on", sa.Boolean(), nullable=False),
        sa.Column("decision", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("study_id", "number", "rung", name=f"pk_{table}"),
        sa.ForeignKeyConstraint(
            ["study_id", "number"],
            ["cosearch_trials.study_id", "cosearch_trials.number"],
            name=f"fk_{table}_study_id_number",
        ),
    )
    op.create_index(f"ix_{table}_study_id_rung", table, ["study_id", "rung"])


def _create_checkpoints() -> None:
    table = "cosearch_checkpoints"
    op.create_table(
        table,
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("rung", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("study_id", "number", "rung", "name", name=f"pk_{table}"),
        sa.ForeignKeyConstraint(
            ["study_id", "number", "rung"],
            ["cosearch_rungs.study_id", "cosearch_rungs.number", "cosearch_rungs.rung"],
            name=f"fk_{table}_study_id_number_rung",
        ),
    )
    op.create_index(f"ix_{table}_digest", table, ["digest"])
