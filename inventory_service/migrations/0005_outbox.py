"""Events of stock."""

from shared.migrations.outbox import create_outbox, tell_of_the_past

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    create_outbox("inventory_service")
    tell_of_the_past(
        """
        SELECT 'stock.reserved', saga_id, 1, jsonb_build_object('order_id', saga_id, 'reservation_id', reservation_id)
        FROM reservations WHERE status = 'active'
        """
    )
