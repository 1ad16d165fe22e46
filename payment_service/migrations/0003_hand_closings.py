"""Payments that a person closes instead of the compensation, with the ledger's accounts for them."""

from shared.participant.migrations import create_hand_closings, replace_check

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    create_hand_closings()
    replace_check(
        "payments",
        "status_is_known",
        "status IN ('pending', 'captured', 'refused', 'refunded', 'voided', 'settled', 'written_off')",
    )
    replace_check("ledger_entries", "kind_is_known", "kind IN ('charge', 'refund', 'settlement', 'write_off')")
    replace_check(
        "ledger_entries",
        "account_is_known",
        "account IN ('gateway_clearing', 'customer_orders', 'settled_by_hand', 'written_off')",
    )
