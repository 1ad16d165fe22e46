"""The fence, products, stock, receipts, reservations with their leases, and events."""

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
    create_outbox("inventory_service")
    _create_catalogue()
    _create_stock()
    _create_reservations()


def _create_catalogue() -> None:
    op.create_table(
        "products",
        sa.Column("sku", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("price_cents", sa.Integer, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False, unique=True),
        sa.CheckConstraint("price_cents > 0", name="price_is_positive"),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency_is_a_code"),
    )
    state = op.create_table(
        "catalogue_state",
        sa.Column("only_row", sa.Boolean, primary_key=True),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("seeded_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("only_row", name="there_is_one_row"),
    )
    op.bulk_insert(state, [{"only_row": True, "revision": 0}])


def _create_stock() -> None:
    op.create_table(
        "stock",
        sa.Column("sku", sa.Text, sa.ForeignKey("products.sku"), primary_key=True),
        sa.Column("available", sa.BigInteger, nullable=False),
        sa.CheckConstraint("available >= 0", name="stock_is_never_negative"),
    )
    op.create_table(
        "deliveries",
        sa.Column("delivery_key", sa.Text, primary_key=True),
        sa.Column("content_hash", sa.Text, nullable=False),
        sa.Column("imported", JSONB, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    )
    op.create_table(
        "stock_receipts",
        sa.Column("receipt_id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("sku", sa.Text, sa.ForeignKey("products.sku"), nullable=False, index=True),
        sa.Column("quantity", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.CheckConstraint("quantity <> 0", name="a_receipt_changes_something"),
        sa.CheckConstraint("kind IN ('seed', 'import', 'delivery', 'correction')", name="kind_is_known"),
    )


def _create_reservations() -> None:
    op.create_table(
        "reservations",
        sa.Column("reservation_id", sa.Text, primary_key=True),
        sa.Column("saga_id", sa.Text, nullable=False),
        sa.Column("step", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("released_at", sa.DateTime(timezone=True)),
        sa.Column("lease_until", sa.DateTime(timezone=True)),
        sa.UniqueConstraint("saga_id", "step", name="a_step_reserves_once"),
        sa.CheckConstraint("status IN ('active', 'released', 'settled', 'written_off')", name="status_is_known"),
        sa.CheckConstraint("(status = 'released') = (released_at IS NOT NULL)", name="released_has_its_time"),
        sa.CheckConstraint("status = 'active' OR lease_until IS NULL", name="released_has_no_lease"),
    )
    op.create_index(
        "leases_by_end", "reservations", ["lease_until"], postgresql_where=sa.text("lease_until IS NOT NULL")
    )
    op.create_table(
        "reservation_lines",
        sa.Column("reservation_id", sa.Text, sa.ForeignKey("reservations.reservation_id"), primary_key=True),
        sa.Column("sku", sa.Text, sa.ForeignKey("products.sku"), primary_key=True),
        sa.Column("quantity", sa.BigInteger, nullable=False),
        sa.CheckConstraint("quantity > 0", name="a_line_holds_something"),
    )
