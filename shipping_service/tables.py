"""The shipping-service's table; the revisions in `migrations/` create it, and a test keeps the two alike."""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

METADATA: Final = sa.MetaData()

SHIPMENTS: Final = sa.Table(
    "shipments",
    METADATA,
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
    sa.Index("shipments_by_age", "booked_at", "shipment_id"),
    sa.Index("one_booked_parcel", "saga_id", unique=True, postgresql_where=sa.text("status = 'booked'")),
)
"""`status`: booked, cancelled, or closed by a person instead (`settled`, `written_off`, see `shared.participant`).
No saga has two that are booked."""
