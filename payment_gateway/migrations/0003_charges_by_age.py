"""Charges in the order in which they were made: the shop's audit reads each once."""

from shared.migrations.indexes import create_index

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    create_index("charges_by_age", "charges", ["created_at", "idempotency_key"])
