"""The shipping-service's table; the revisions in `migrations/` create it, and a test keeps the two alike."""

from typing import Final

from sqlalchemy import Column, DateTime, Index, MetaData, Table, Text, UniqueConstraint, text
from sqlalchemy import func as sql
from sqlalchemy.dialects.postgresql import JSONB

METADATA: Final = MetaData()

SHIPMENTS: Final = Table(
    "shipments",
    METADATA,
    Column("shipment_id", Text, primary_key=True),
    Column("saga_id", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("tracking_number", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("line1", Text, nullable=False),
    Column("city", Text, nullable=False),
    Column("postal_code", Text, nullable=False),
    Column("country", Text, nullable=False),
    Column("lines", JSONB, nullable=False),
    Column("status", Text, nullable=False),
    Column("booked_at", DateTime(timezone=True), nullable=False, server_default=sql.now()),
    Column("cancelled_at", DateTime(timezone=True)),
    UniqueConstraint("saga_id", "step", name="a_step_books_once"),
    Index("shipments_by_age", "booked_at", "shipment_id"),
    Index("one_booked_parcel", "saga_id", unique=True, postgresql_where=text("status = 'booked'")),
)
"""`status`: booked, cancelled, or closed by a person instead (`settled`, `written_off`, see `shared.participant`).
No saga has two that are booked."""
