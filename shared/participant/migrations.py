"""The tables of whoever carries out calls, and those of a saga's participants, created by their first revision."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB


def create_fence() -> None:
    """Create `saga_steps` (see `shared.participant.fence`)."""
    op.create_table(
        "saga_steps",
        sa.Column("saga_id", sa.Text, primary_key=True),
        sa.Column("step", sa.Text, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("answer", JSONB),
        sa.Column("undo_answer", JSONB),
        sa.Column("refusal", sa.Text),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("repeats", sa.Integer, nullable=False, server_default="0"),
        sa.CheckConstraint("state IN ('pending', 'done', 'refused', 'undoing', 'undone')", name="state_is_known"),
    )


def create_call_tables() -> None:
    """Create `fault_hits` (see `shared.participant.faults`) and `quarantine` (see `shared.participant.quarantine`)."""
    create_quarantine()
    op.create_table(
        "fault_hits",
        sa.Column("saga_id", sa.Text, primary_key=True),
        sa.Column("activity", sa.Text, primary_key=True),
        sa.Column("place", sa.Integer, primary_key=True),
        sa.Column("hits", sa.Integer, nullable=False),
    )


def create_quarantine() -> None:
    """Create `quarantine` (see `shared.participant.quarantine`)."""
    op.create_table(
        "quarantine",
        sa.Column("saga_id", sa.Text, primary_key=True),
        sa.Column("step", sa.Text, primary_key=True),
        sa.Column("what", sa.Text, primary_key=True),
        sa.Column("deaths", sa.Integer, nullable=False),
        sa.Column("died_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    )


def create_hand_closings() -> None:
    """Create `hand_closings` (see `shared.participant.hand_closings`)."""
    op.create_table(
        "hand_closings",
        sa.Column("saga_id", sa.Text, primary_key=True),
        sa.Column("step", sa.Text, primary_key=True),
        sa.Column("repair_id", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("unit", sa.Text, nullable=False),
        sa.Column("decided_by", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.CheckConstraint("status IN ('settled', 'written_off')", name="status_is_known"),
        sa.CheckConstraint("amount > 0", name="something_was_closed"),
    )
