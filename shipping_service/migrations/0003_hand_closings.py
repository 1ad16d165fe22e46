"""Shipments that a person closes instead of the compensation."""

from shared.participant.migrations import create_hand_closings, replace_check

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    create_hand_closings()
    replace_check("shipments", "status_is_known", "status IN ('booked', 'cancelled', 'settled', 'written_off')")
