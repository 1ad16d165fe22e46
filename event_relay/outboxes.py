"""The outboxes of all services, as the relay reads and empties them. See `shared.events.outbox`.

All are read in one statement, hence in one snapshot: where an event is seen, so is everything that caused it, unless it
has been carried away before.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

SCHEMA_OF: Final = {
    "/order-service": "order_service",
    "/inventory-service": "inventory_service",
    "/payment-service": "payment_service",
    "/shipping-service": "shipping_service",
}
"""The source of its events, and the schema of its outbox."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An event that waits in an outbox; `data` is JSON text, which nobody needs to read on the way."""

    source: str
    position: int
    kind: str
    subject: str
    sequence: int
    data: str
    occurred_at: datetime

    @property
    def id(self) -> str:
        """The event's id: the same whenever it is published, and no other event's."""
        return f"{self.source.removeprefix('/')}:{self.subject}:{self.sequence}"


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits: the next events, whether they are all that do, and for how long the oldest does."""

    events: Sequence[Waiting]
    is_whole: bool
    oldest_seconds: float


_SCHEMAS: Final = tuple(SCHEMA_OF.values())
# The names are our own; values are passed apart.
_ONE: Final = """(
    SELECT '{source}' AS source, position, type, subject, sequence, CAST(data AS text) AS data, occurred_at,
        clock_timestamp() AS read_at
    FROM {schema}.outbox ORDER BY position LIMIT :batch
)"""
_READ: Final = text(
    " UNION ALL ".join(_ONE.format(source=source, schema=schema) for source, schema in SCHEMA_OF.items())
)
_COUNTED: Final = "(SELECT count(*) FROM {schema}.outbox)"
_COUNT: Final = text("SELECT " + " + ".join(_COUNTED.format(schema=schema) for schema in _SCHEMAS))
_DELETED: Final = "{schema} AS (DELETE FROM {schema}.outbox WHERE position = ANY(CAST(:{schema} AS bigint[])))"
_DELETE: Final = text(f"WITH {', '.join(_DELETED.format(schema=schema) for schema in _SCHEMAS)} SELECT 1")


async def read(connection: AsyncConnection, batch: int) -> Backlog:
    """Up to `batch` of the next events of each outbox."""
    rows = (await connection.execute(_READ, {"batch": batch})).all()
    events = [Waiting(*row[:7]) for row in rows]
    by_source = {source: [one for one in events if one.source == source] for source in SCHEMA_OF}
    full = [waiting for waiting in by_source.values() if len(waiting) == batch]
    oldest = max(((row.read_at - row.occurred_at).total_seconds() for row in rows), default=0.0)
    if not full:
        return Backlog(events, is_whole=True, oldest_seconds=oldest)
    # Of a full outbox more is to come, which may have caused what is seen of the others.
    horizon = min(max(one.occurred_at for one in waiting) for waiting in full)
    return Backlog([one for one in events if one.occurred_at <= horizon], is_whole=False, oldest_seconds=oldest)


async def count(connection: AsyncConnection) -> int:
    """How many events wait; it reads them all."""
    return int((await connection.execute(_COUNT)).scalar_one())


async def delete(connection: AsyncConnection, events: Iterable[Waiting]) -> None:
    """Forget events that the broker has."""
    positions: dict[str, list[int]] = {schema: [] for schema in SCHEMA_OF.values()}
    for event in events:
        positions[SCHEMA_OF[event.source]].append(event.position)
    await connection.execute(_DELETE, positions)
