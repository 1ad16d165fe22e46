"""The count of injected faults: a score leaves nothing else behind."""

from shared.participant.migrations import create_call_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_call_tables()
