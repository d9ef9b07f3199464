"""Audits: what every attack did to every example, attack by attack, so that an audit can go on where it stopped."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of audits."""
    audits, attacks = "cosearch_audits", "cosearch_audit_attacks"
    op.create_table(
        audits,
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("n_examples", sa.Integer(), nullable=False),
        sa.Column("is_right", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=f"pk_{audits}"),
        sa.ForeignKeyConstraint(
            ["study_id", "number"],
            ["cosearch_trials.study_id", "cosearch_trials.number"],
            name=f"fk_{audits}_study_id_number",
        ),
        sa.UniqueConstraint("study_id", "number", "key", name=f"uq_{audits}_study_id_number_key"),
    )
    op.create_table(
        attacks,
        sa.Column("audit_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("norm", sa.String(8), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("epsilons", sa.JSON(), nullable=False),
        sa.Column("n_examples", sa.Integer(), nullable=False),
        sa.Column("tried", sa.LargeBinary(), nullable=False),
        sa.Column("broken", sa.LargeBinary(), nullable=False),
        sa.Column("distances", sa.LargeBinary(), nullable=True),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("elapsed_s", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("audit_id", "name", "norm", name=f"pk_{attacks}"),
        sa.ForeignKeyConstraint(["audit_id"], [f"{audits}.id"], name=f"fk_{attacks}_audit_id"),
    )
