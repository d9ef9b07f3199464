"""How many examples of the whole test split an audited model classifies right, before any attack."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the counts; NULL in the audits that are stored already."""
    for table in ("cosearch_audits", "cosearch_reference_models"):
        op.add_column(table, sa.Column("n_test", sa.Integer(), nullable=True))
        op.add_column(table, sa.Column("n_test_right", sa.Integer(), nullable=True))
