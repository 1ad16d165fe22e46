"""The inventory's tables. For every SKU, always: sum(stock_receipts) = available + what unreleased reservations hold.

The revisions in `migrations/` create them; a test keeps the two alike.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy import func as sql

METADATA: Final = MetaData()

PRODUCTS: Final = Table(
    "products",
    METADATA,
    Column("sku", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("price_cents", Integer, nullable=False),
    Column("currency", Text, nullable=False),
    Column("revision", BigInteger, nullable=False, unique=True),
)

CATALOGUE_STATE: Final = Table(
    "catalogue_state",
    METADATA,
    Column("only_row", Boolean, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("seeded_at", DateTime(timezone=True)),
)
"""One row. Who changes products holds its lock, so that revisions become visible in their order."""

STOCK: Final = Table(
    "stock",
    METADATA,
    Column("sku", Text, ForeignKey("products.sku"), primary_key=True),
    Column("available", BigInteger, nullable=False),
)

STOCK_RECEIPTS: Final = Table(
    "stock_receipts",
    METADATA,
    Column("receipt_id", BigInteger, Identity(), primary_key=True),
    Column("sku", Text, ForeignKey("products.sku"), nullable=False, index=True),
    Column("quantity", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=sql.now()),
)
"""Every change of what the shop owns; negative when a count found less."""

RESERVATIONS: Final = Table(
    "reservations",
    METADATA,
    Column("reservation_id", Text, primary_key=True),
    Column("saga_id", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=sql.now()),
    Column("released_at", DateTime(timezone=True)),
    Column("lease_until", DateTime(timezone=True)),
    UniqueConstraint("saga_id", "step", name="a_step_reserves_once"),
    Index("leases_by_end", "lease_until", postgresql_where=text("lease_until IS NOT NULL")),
)
"""`status`: active, released, or closed by a person (`settled`, `written_off`, see `shared.participant`): those units
are neither on sale nor reserved. Whoever puts them back on sale counts them and imports the count.

`lease_until`: when the order behind an active reservation is asked about (see `leases.py`); NULL once it is known to
be completed, or the reservation isn't active any more."""

RESERVATION_LINES: Final = Table(
    "reservation_lines",
    METADATA,
    Column("reservation_id", Text, ForeignKey("reservations.reservation_id"), primary_key=True),
    Column("sku", Text, ForeignKey("products.sku"), primary_key=True),
    Column("quantity", BigInteger, nullable=False),
)
