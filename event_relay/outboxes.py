"""The outboxes of all services, as the relay reads and empties them. See `shared.events.outbox`.

All are read in one statement, hence in one snapshot: where an event is seen, so is everything that caused it, unless it
has been carried away before.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


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


# The names are the registry's; values are passed apart.
_ONE: Final = """(
    SELECT '{source}' AS source, position, type, subject, sequence, CAST(data AS text) AS data, occurred_at,
        clock_timestamp() AS read_at
    FROM {schema}.outbox ORDER BY position LIMIT :batch
)"""
_COUNTED: Final = "(SELECT count(*) FROM {schema}.outbox)"
_DELETED: Final = "{schema} AS (DELETE FROM {schema}.outbox WHERE position = ANY(CAST(:{schema} AS bigint[])))"


class Outboxes:
    """The outboxes of these sources of events, by the schema that each lies in."""

    def __init__(self, schema_of: Mapping[str, str]) -> None:
        schemas = tuple(schema_of.values())
        self._schema_of = schema_of
        self._read = text(" UNION ALL ".join(_ONE.format(source=one, schema=schema_of[one]) for one in schema_of))
        self._count = text("SELECT " + " + ".join(_COUNTED.format(schema=schema) for schema in schemas))
        self._delete = text(f"WITH {', '.join(_DELETED.format(schema=schema) for schema in schemas)} SELECT 1")

    async def read(self, connection: AsyncConnection, batch: int) -> Backlog:
        """Up to `batch` of the next events of each outbox."""
        rows = (await connection.execute(self._read, {"batch": batch})).all()
        events = [Waiting(*row[:7]) for row in rows]
        by_source = {source: [one for one in events if one.source == source] for source in self._schema_of}
        full = [waiting for waiting in by_source.values() if len(waiting) == batch]
        oldest = max(((row.read_at - row.occurred_at).total_seconds() for row in rows), default=0.0)
        if not full:
            return Backlog(events, is_whole=True, oldest_seconds=oldest)
        # Of a full outbox more is to come, which may have caused what is seen of the others.
        horizon = min(max(one.occurred_at for one in waiting) for waiting in full)
        return Backlog([one for one in events if one.occurred_at <= horizon], is_whole=False, oldest_seconds=oldest)

    async def count(self, connection: AsyncConnection) -> int:
        """How many events wait; it reads them all."""
        return int((await connection.execute(self._count)).scalar_one())

    async def delete(self, connection: AsyncConnection, events: Iterable[Waiting]) -> None:
        """Forget events that the broker has."""
        positions: dict[str, list[int]] = {schema: [] for schema in self._schema_of.values()}
        for event in events:
            positions[self._schema_of[event.source]].append(event.position)
        await connection.execute(self._delete, positions)
