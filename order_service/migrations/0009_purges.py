"""Indexes of the two questions of a purge: who ended and was never looked at, and who was put off until now."""

from shared.migrations.indexes import create_index, drop_index

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    create_index(
        "orders_to_look_at_for_purge",
        "orders",
        ["ended_at"],
        "purge_due_at IS NULL AND purged_at IS NULL AND ended_at IS NOT NULL",
    )
    create_index("orders_to_purge_again", "orders", ["purge_due_at"], "purged_at IS NULL AND purge_due_at IS NOT NULL")
    # The older version asks for both at once. Without this index its sweep reads all orders, until it is replaced.
    drop_index("orders_to_purge", "orders")
