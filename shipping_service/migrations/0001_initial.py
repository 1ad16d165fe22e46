"""The fence, shipments, and their events."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from shared.migrations.tables import create_outbox
from shared.participant.migrations import create_call_tables, create_fence, create_hand_closings

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_fence()
    create_call_tables()
    create_hand_closings()
    create_outbox("shipping_service")
    op.create_table(
        "shipments",
        sa.Column("shipment_id", sa.Text, primary_key=True),
        sa.Column("saga_id", sa.Text, nullable=False),
        sa.Column("step", sa.Text, nullable=False),
        sa.Column("tracking_number", sa.Text, nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("line1", sa.Text, nullable=False),
        sa.Column("city", sa.Text, nullable=False),
        sa.Column("postal_code", sa.Text, nullable=False),
        sa.Column("country", sa.Text, nullable=False),
        sa.Column("lines", JSONB, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("booked_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("cancelled_at", sa.DateTime(timezone=True)),
        sa.Column("line2", sa.Text),
        sa.Column("region", sa.Text),
        sa.UniqueConstraint("saga_id", "step", name="a_step_books_once"),
        sa.CheckConstraint("status IN ('booked', 'cancelled', 'settled', 'written_off')", name="status_is_known"),
        sa.CheckConstraint("(status = 'cancelled') = (cancelled_at IS NOT NULL)", name="cancelled_has_its_time"),
        sa.CheckConstraint("country ~ '^[A-Z]{2}$'", name="country_is_a_code"),
    )
    op.create_index("shipments_by_age", "shipments", ["booked_at", "shipment_id"])
    op.create_index(
        "one_booked_parcel", "shipments", ["saga_id"], unique=True, postgresql_where=sa.text("status = 'booked'")
    )
