"""The notification-service's table, beside the fence (`saga_steps`); the revisions in `migrations/` create it."""

from enum import StrEnum
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

METADATA: Final = sa.MetaData()


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


NOTIFICATIONS: Final = sa.Table(
    "notifications",
    METADATA,
    sa.Column("saga_id", sa.Text, primary_key=True),
    sa.Column("step", sa.Text, primary_key=True),
    sa.Column("medium", sa.Text, nullable=False),
    sa.Column("recipient", sa.Text, nullable=False),
    sa.Column("subject", sa.Text),
    sa.Column("status", sa.Text, nullable=False),
    # Which attempt has it, while it is leaving.
    sa.Column("attempt_id", sa.Text),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="1"),
    sa.Column("detail", sa.Text),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Column("sent_at", sa.DateTime(timezone=True)),
)
"""Who was notified of what; the message itself isn't kept."""

ORDER_MAILS: Final = sa.Table(
    "order_mails",
    METADATA,
    sa.Column("event_id", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("data", JSONB, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("since", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Column("due_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Index("order_mails_in_order", "source", "subject", "sequence"),
    sa.Index("order_mails_due", "due_at"),
)
"""Events about which a customer is still to be mailed, as long as that isn't done: `due_at` says when it is tried next,
or until when somebody has it, `since` when the event came."""
