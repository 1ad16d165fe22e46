"""The orders and the mirror of the catalogue."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "orders",
        sa.Column("order_id", sa.Text, primary_key=True),
        sa.Column("idempotency_key", sa.Text, nullable=False, unique=True),
        sa.Column("request_hash", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("customer", JSONB, nullable=False),
        sa.Column("lines", JSONB, nullable=False),
        sa.Column("total_cents", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("placed", JSONB, nullable=False),
        sa.Column("run_id", sa.Text),
        sa.Column("tracking_number", sa.Text),
        sa.Column("timeline", JSONB, nullable=False),
        sa.Column("timeline_version", sa.Integer, nullable=False, server_default="0"),
        sa.Column("revision", sa.BigInteger, nullable=False, server_default="1"),
        sa.Column("money_at_risk_cents", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("start_due_at", moment, nullable=False),
        sa.Column("cancel_requested_at", moment),
        sa.Column("cancel_sent_at", moment),
        sa.Column("accepted_at", moment, nullable=False, server_default=sa.func.now()),
        sa.Column("ended_at", moment),
        sa.CheckConstraint("total_cents > 0", name="total_is_positive"),
        sa.CheckConstraint(
            "status IN ('accepted', 'in_progress', 'completed', 'compensated', 'cancelled', 'needs_attention')",
            name="status_is_known",
        ),
        sa.CheckConstraint(
            "(ended_at IS NOT NULL) = (status IN ('completed', 'compensated', 'cancelled'))", name="ended_has_a_time"
        ),
    )
    op.create_index("orders_newest_first", "orders", [sa.text("accepted_at DESC"), sa.text("order_id DESC")])
    op.create_index("orders_by_status", "orders", ["status", sa.text("accepted_at DESC"), sa.text("order_id DESC")])
    op.create_index("orders_to_start", "orders", ["start_due_at"], postgresql_where=sa.text("status = 'accepted'"))
    op.create_index(
        "orders_to_cancel",
        "orders",
        ["cancel_requested_at"],
        postgresql_where=sa.text("cancel_requested_at IS NOT NULL AND cancel_sent_at IS NULL"),
    )
    op.create_table(
        "catalogue",
        sa.Column("sku", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("price_cents", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
    )
    op.create_index("catalogue_revision", "catalogue", ["revision"])
