"""Shipments in the order in which they were booked: the audit reads each once."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_index("shipments_by_age", "shipments", ["booked_at", "shipment_id"])
