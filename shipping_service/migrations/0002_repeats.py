"""The fence counts what it answered again."""

from shared.participant.migrations import count_repeats

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    count_repeats()
