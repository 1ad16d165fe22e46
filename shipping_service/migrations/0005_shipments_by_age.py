"""Shipments in the order in which they were booked: the audit reads each once."""

from shared.migrations.indexes import create_index

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    create_index("shipments_by_age", "shipments", ["booked_at", "shipment_id"])
