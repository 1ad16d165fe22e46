"""The outbox: events to publish, written in the transaction of the change that they report.

A row is there if and only if its change is, and it stays until the broker has it: the event-relay reads the rows,
publishes them, and deletes what the broker has acknowledged.

    position     grows in the order in which the events of one subject happened: it is given when the row is written,
                 and whoever writes about a subject holds the lock of that subject's row (the order's, or the fence's)
    subject      the order's id; `sequence` counts this service's events about it, from 1 and without a gap
    occurred_at  the clock of the database's server, which all services share, so that it orders causes before effects
"""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.sql.expression import FromClause

from shared.contracts.message import Message
from shared.events.event import EventType

OUTBOX: Final = sa.Table(
    "outbox",
    sa.MetaData(),
    sa.Column("position", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("data", JSONB, nullable=False),
    sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.clock_timestamp()),
)

FIRST: Final = 1
"""The sequence of the event that a participant's do publishes."""
SECOND: Final = 2
"""That of its undo's event, which always follows the first."""

_COLUMNS: Final = ("type", "subject", "sequence", "data")


def publish(kind: EventType, sequence: int) -> sa.Insert:
    """The statement that writes one event, to be built once, and executed with the values of `event_of`."""
    return insert(OUTBOX).values(
        type=kind, sequence=sequence, subject=sa.bindparam("event_subject"), data=sa.bindparam("event_data")
    )


def event_of(subject: str, data: Message) -> dict[str, Any]:
    """The values of the event that a statement made with `publish` writes."""
    return {"event_subject": subject, "event_data": data.model_dump(mode="json")}


def publish_of(
    changed: FromClause,
    *,
    kind: sa.ColumnElement[str],
    subject: sa.ColumnElement[str],
    sequence: sa.ColumnElement[int],
    data: sa.ColumnElement[Any],
) -> sa.Insert:
    """The statement that writes one event for each row of `changed`, which is a change in the same statement."""
    return insert(OUTBOX).from_select(_COLUMNS, sa.select(kind, subject, sequence, data).select_from(changed))
