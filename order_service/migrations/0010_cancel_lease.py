"""A cancel is sent by one process at a time."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("orders", sa.Column("cancel_due_at", sa.DateTime(timezone=True)))
