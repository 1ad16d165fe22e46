"""The count of injected faults: a score leaves nothing else behind."""

from shared.participant.migrations import create_fault_hits

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_fault_hits()
