"""The inventory's tables. For every SKU, always: sum(stock_receipts) = available + what unreleased reservations hold.

The revisions in `migrations/` create them; a test keeps the two alike.
"""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

METADATA: Final = sa.MetaData()

PRODUCTS: Final = sa.Table(
    "products",
    METADATA,
    sa.Column("sku", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("price_cents", sa.Integer, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("revision", sa.BigInteger, nullable=False, unique=True),
)

CATALOGUE_STATE: Final = sa.Table(
    "catalogue_state",
    METADATA,
    sa.Column("only_row", sa.Boolean, primary_key=True),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("seeded_at", sa.DateTime(timezone=True)),
)
"""One row. Who changes products holds its lock, so that revisions become visible in their order."""

DELIVERIES: Final = sa.Table(
    "deliveries",
    METADATA,
    sa.Column("delivery_key", sa.Text, primary_key=True),
    sa.Column("content_hash", sa.Text, nullable=False),
    sa.Column("imported", JSONB, nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
)
"""Imports that added stock: each once per key."""

STOCK: Final = sa.Table(
    "stock",
    METADATA,
    sa.Column("sku", sa.Text, sa.ForeignKey("products.sku"), primary_key=True),
    sa.Column("available", sa.BigInteger, nullable=False),
)

STOCK_RECEIPTS: Final = sa.Table(
    "stock_receipts",
    METADATA,
    sa.Column("receipt_id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("sku", sa.Text, sa.ForeignKey("products.sku"), nullable=False, index=True),
    sa.Column("quantity", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
)
"""Every change of what the shop owns; negative when a count found less."""

RESERVATIONS: Final = sa.Table(
    "reservations",
    METADATA,
    sa.Column("reservation_id", sa.Text, primary_key=True),
    sa.Column("saga_id", sa.Text, nullable=False),
    sa.Column("step", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Column("released_at", sa.DateTime(timezone=True)),
    sa.Column("lease_until", sa.DateTime(timezone=True)),
    sa.UniqueConstraint("saga_id", "step", name="a_step_reserves_once"),
    sa.Index("leases_by_end", "lease_until", postgresql_where=sa.text("lease_until IS NOT NULL")),
)
"""`status`: active, released, or closed by a person (`settled`, `written_off`, see `shared.participant`): those units
are neither on sale nor reserved. Whoever puts them back on sale counts them and imports the count.

`lease_until`: when the order behind an active reservation is asked about (see `leases.py`); NULL once it is known to
be completed, or the reservation isn't active any more."""

RESERVATION_LINES: Final = sa.Table(
    "reservation_lines",
    METADATA,
    sa.Column("reservation_id", sa.Text, sa.ForeignKey("reservations.reservation_id"), primary_key=True),
    sa.Column("sku", sa.Text, sa.ForeignKey("products.sku"), primary_key=True),
    sa.Column("quantity", sa.BigInteger, nullable=False),
)
