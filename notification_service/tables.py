"""The notification-service's table, beside the fence (`saga_steps`); the revisions in `migrations/` create it."""

from enum import StrEnum
from typing import Final

from sqlalchemy import Column, DateTime, Integer, MetaData, Table, Text
from sqlalchemy import func as sql

METADATA: Final = MetaData()


class Medium(StrEnum):
    """How someone is notified."""

    EMAIL = "email"
    PUSH = "push"


class Status(StrEnum):
    """How far a notification has come."""

    PENDING = "pending"
    """It hasn't left, or (push) may safely be sent again."""
    LEAVING = "leaving"
    """An e-mail's bytes may be on their way: it is never sent again."""
    SENT = "sent"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    """Its delivery stays unknown."""


NOTIFICATIONS: Final = Table(
    "notifications",
    METADATA,
    Column("saga_id", Text, primary_key=True),
    Column("step", Text, primary_key=True),
    Column("medium", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("subject", Text),
    Column("status", Text, nullable=False),
    # Which attempt has it, while it is leaving.
    Column("attempt_id", Text),
    Column("attempts", Integer, nullable=False, server_default="1"),
    Column("detail", Text),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=sql.now()),
    Column("sent_at", DateTime(timezone=True)),
)
"""Who was notified of what; the message itself isn't kept."""
