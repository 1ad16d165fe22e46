"""Charges in the order in which they were made: the shop's audit reads each once."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_index("charges_by_age", "charges", ["created_at", "idempotency_key"])
