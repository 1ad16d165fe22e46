"""Events of orders: how many an order has had, and at which version of its timeline it was parked last."""

import sqlalchemy as sa
from alembic import op

from shared.migrations.outbox import create_outbox, tell_of_the_past

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    create_outbox("order_service")
    op.add_column("orders", sa.Column("events", sa.Integer, nullable=False, server_default="0"))
    op.add_column("orders", sa.Column("parked_version", sa.Integer))
    op.execute("UPDATE orders SET events = 1 WHERE ended_at IS NULL")
    tell_of_the_past(
        """
        SELECT 'order.accepted', order_id, 1, jsonb_build_object(
            'order_id', order_id, 'status', 'accepted', 'total_cents', total_cents, 'currency', currency,
            'customer', customer, 'lines', placed -> 'lines', 'tracking_number', NULL, 'reason', NULL)
        FROM orders WHERE ended_at IS NULL ORDER BY accepted_at
        """
    )
