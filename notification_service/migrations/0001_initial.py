"""Notifications, and the inbox of the events that customers are mailed about."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from shared.migrations.tables import create_inbox
from shared.participant.migrations import create_call_tables, create_fence

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_fence()
    create_call_tables()
    create_inbox()
    op.create_table(
        "notifications",
        sa.Column("saga_id", sa.Text, primary_key=True),
        sa.Column("step", sa.Text, primary_key=True),
        sa.Column("medium", sa.Text, nullable=False),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("subject", sa.Text),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("attempt_id", sa.Text),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="1"),
        sa.Column("detail", sa.Text),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("sent_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("medium IN ('email', 'push')", name="medium_is_known"),
        sa.CheckConstraint("status IN ('pending', 'leaving', 'sent', 'refused', 'unknown')", name="status_is_known"),
        sa.CheckConstraint("(status = 'sent') = (sent_at IS NOT NULL)", name="sent_has_its_time"),
        sa.CheckConstraint("(status = 'leaving') = (attempt_id IS NOT NULL)", name="one_attempt_has_what_leaves"),
    )
    op.create_table(
        "order_mails",
        sa.Column("event_id", sa.Text, primary_key=True),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("data", JSONB, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    )
    op.create_index("order_mails_in_order", "order_mails", ["source", "subject", "sequence"])
    op.create_index("order_mails_due", "order_mails", ["due_at"])
