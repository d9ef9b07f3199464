"""The masking checks of an audit, NULL until they are computed."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("cosearch_audits", sa.Column("checks", sa.JSON(), nullable=True))
