"""The reconciler takes open orders in the order of their index, and its audit those that ended undone."""

import sqlalchemy as sa

from shared.migrations.indexes import create_index, drop_index

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    create_index("orders_to_check", "orders", [sa.text("checked_at NULLS FIRST")], "ended_at IS NULL")
    create_index("orders_ended_undone", "orders", ["ended_at", "order_id"], "status IN ('compensated', 'cancelled')")
    # Its order is the other one's but for the rows that were never checked. The older version sorts those itself.
    drop_index("orders_open", "orders")
