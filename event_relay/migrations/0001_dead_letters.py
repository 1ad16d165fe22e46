"""The dead letters, and what the relay's own subscription needs."""

import sqlalchemy as sa
from alembic import op

from shared.migrations.tables import create_inbox_cursors
from shared.participant.migrations import create_quarantine

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "dead_letters",
        sa.Column("dead_letter_id", sa.Text, primary_key=True),
        sa.Column("consumer", sa.Text, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("event", sa.Text),
        sa.Column("body", sa.Text),
        sa.Column("died_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("replay_requested_by", sa.Text),
        sa.Column("replay_requested_at", sa.DateTime(timezone=True)),
        sa.Column("replayed_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "(replay_requested_by IS NULL) = (replay_requested_at IS NULL)", name="a_replay_was_wanted_by_someone"
        ),
        sa.CheckConstraint("replayed_at IS NULL OR replay_requested_at IS NOT NULL", name="a_replay_was_wanted"),
    )
    op.create_index("dead_letters_by_time", "dead_letters", ["died_at", "dead_letter_id"])
    create_inbox_cursors()
    create_quarantine()
