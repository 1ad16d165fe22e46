"""Charges and refunds."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the books; the checks hold them together even against hand-written SQL."""
    now = sa.func.now()
    op.create_table(
        "charges",
        sa.Column("idempotency_key", sa.Text, primary_key=True),
        sa.Column("charge_id", sa.Text, nullable=False, unique=True),
        sa.Column("reference", sa.Text, index=True),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("amount_cents", sa.BigInteger),
        sa.Column("currency", sa.Text),
        sa.Column("token", sa.Text),
        sa.Column("captured_cents", sa.BigInteger, nullable=False),
        sa.Column("refunded_cents", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("closed_at", sa.DateTime(timezone=True)),
        sa.Column("sealed_at", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=now),
        sa.CheckConstraint("status IN ('succeeded', 'declined', 'void')", name="status_is_known"),
        sa.CheckConstraint(
            "captured_cents = CASE status WHEN 'succeeded' THEN amount_cents ELSE 0 END", name="only_success_captures"
        ),
        sa.CheckConstraint(
            "status = 'void' OR (reference IS NOT NULL AND amount_cents > 0 AND currency IS NOT NULL)",
            name="charge_is_complete",
        ),
        sa.CheckConstraint("refunded_cents BETWEEN 0 AND captured_cents", name="never_refunds_more_than_captured"),
        sa.CheckConstraint("closed_at IS NULL OR refunded_cents = captured_cents", name="closed_keeps_nothing"),
        sa.CheckConstraint("status <> 'void' OR closed_at IS NOT NULL", name="void_is_closed"),
        sa.CheckConstraint("closed_at IS NULL OR sealed_at IS NULL", name="closed_or_sealed"),
    )
    op.create_index("charges_by_age", "charges", ["created_at", "idempotency_key"])
    op.create_table(
        "refunds",
        sa.Column("refund_number", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("refund_id", sa.Text, nullable=False, unique=True),
        sa.Column("idempotency_key", sa.Text, unique=True),
        sa.Column("charge_id", sa.Text, sa.ForeignKey("charges.charge_id"), nullable=False, index=True),
        sa.Column("requested_cents", sa.BigInteger),
        sa.Column("amount_cents", sa.BigInteger, nullable=False),
        sa.Column("total_refunded_cents", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=now),
        sa.CheckConstraint("amount_cents > 0", name="refund_is_positive"),
    )
