"""The reconciler takes open orders in the order of its index."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("orders_open", "orders")
    op.create_index(
        "orders_open", "orders", [sa.text("checked_at NULLS FIRST")], postgresql_where=sa.text("ended_at IS NULL")
    )
