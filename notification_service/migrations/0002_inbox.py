"""The inbox of the events that customers hear of."""

from shared.migrations.inbox import create_inbox

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    create_inbox()
