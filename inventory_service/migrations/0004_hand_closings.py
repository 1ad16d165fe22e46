"""Reservations that a person closes instead of the compensation."""

from shared.participant.migrations import create_hand_closings, replace_check

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    create_hand_closings()
    replace_check("reservations", "status_is_known", "status IN ('active', 'released', 'settled', 'written_off')")
