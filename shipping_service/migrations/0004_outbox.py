"""Events of parcels."""

from shared.migrations.outbox import create_outbox, tell_of_the_past

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    create_outbox("shipping_service")
    tell_of_the_past(
        """
        SELECT 'shipment.booked', saga_id, 1, jsonb_build_object(
            'order_id', saga_id, 'shipment_id', shipment_id, 'tracking_number', tracking_number)
        FROM shipments WHERE status = 'booked' ORDER BY booked_at
        """
    )
