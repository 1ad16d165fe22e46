"""The fence counts what it answered again."""

from shared.participant.migrations import count_repeats

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    count_repeats()
