"""Reference models: networks that others published, audited like the trials of a study."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_MODELS, _ATTACKS = "cosearch_reference_models", "cosearch_reference_attacks"


def upgrade() -> None:
    """Create the tables of reference models and of the attacks on them."""
    op.create_table(
        _MODELS,
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("source", sa.JSON(), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("n_examples", sa.Integer(), nullable=False),
        sa.Column("is_right", sa.LargeBinary(), nullable=False),
        sa.Column("checks", sa.JSON(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=f"pk_{_MODELS}"),
        sa.UniqueConstraint("study_id", "name", "key", name=f"uq_{_MODELS}_study_id_name_key"),
        sa.ForeignKeyConstraint(["study_id"], ["cosearch_studies.id"], name=f"fk_{_MODELS}_study_id"),
    )
    op.create_table(
        _ATTACKS,
        sa.Column("reference_id", sa.Integer(), nullable=False),
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
        sa.PrimaryKeyConstraint("reference_id", "name", "norm", name=f"pk_{_ATTACKS}"),
        sa.ForeignKeyConstraint(["reference_id"], [f"{_MODELS}.id"], name=f"fk_{_ATTACKS}_reference_id"),
    )
