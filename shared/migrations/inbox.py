"""The tables that every consumer of events has."""

import sqlalchemy as sa
from alembic import op


def create_inbox() -> None:
    """Create `inbox` and `inbox_cursors` (see `shared.events.inbox`)."""
    op.create_table(
        "inbox",
        sa.Column("event_id", sa.Text, primary_key=True),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("deaths", sa.Integer, nullable=False, server_default="0"),
        sa.Column("reason", sa.Text),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("settled_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("state IN ('open', 'done', 'dead')", name="state_is_known"),
        sa.CheckConstraint("(state = 'open') = (settled_at IS NULL)", name="settled_has_its_time"),
    )
    op.create_index("inbox_in_order", "inbox", ["source", "subject", "sequence"])
    create_inbox_cursors()


def create_inbox_cursors() -> None:
    """Create `inbox_cursors`, which every subscription needs for its heartbeats."""
    op.create_table(
        "inbox_cursors",
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("subject", sa.Text, primary_key=True),
        sa.Column("sequence", sa.BigInteger, nullable=False),
    )
