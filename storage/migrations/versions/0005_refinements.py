"""Refinements: candidates of a study trained longer and with several seeds, each run with its measurement."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_RUNS, _FILES = "cosearch_refinements", "cosearch_refinement_artifacts"
_KEY = ("study_id", "number", "epochs", "seed")


def upgrade() -> None:
    """Create the tables of refinements."""
    op.create_table(
        _RUNS,
        *_key_columns(),
        sa.Column("repeat", sa.Integer(), nullable=False),
        sa.Column("measurement", sa.JSON(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("timings", sa.JSON(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint(*_KEY, name=f"pk_{_RUNS}"),
        sa.ForeignKeyConstraint(
            ["study_id", "number"],
            ["cosearch_trials.study_id", "cosearch_trials.number"],
            name=f"fk_{_RUNS}_study_id_number",
        ),
    )
    op.create_table(
        _FILES,
        *_key_columns(),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint(*_KEY, "name", name=f"pk_{_FILES}"),
        sa.ForeignKeyConstraint(
            list(_KEY), [f"{_RUNS}.{column}" for column in _KEY], name=f"fk_{_FILES}_{'_'.join(_KEY)}"
        ),
    )
    op.create_index(f"ix_{_FILES}_digest", _FILES, ["digest"])


def _key_columns() -> list[sa.Column[int]]:
    return [
        sa.Column("study_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("epochs", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seed", sa.BigInteger(), autoincrement=False, nullable=False),
    ]
