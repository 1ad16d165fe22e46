"""A cancel is sent by one process at a time."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("orders", sa.Column("cancel_due_at", sa.DateTime(timezone=True)))
