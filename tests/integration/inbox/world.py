"""A consumer whose effect is a row that the tests count, and a broker that can be away."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.events.consumer import Answer, Consumer
from shared.events.dead_letters import NotPublishedError
from shared.events.event import EventType
from shared.events.inbox import Effect, Inbox
from shared.events.received import Received

MIGRATIONS: Final = Path(__file__).parent / "migrations"
APP: Final = "notification-service"
MAX_ATTEMPTS: Final = 3


def an_event(sequence: int = 1, *, order: str = "ord-1", kind: str = EventType.ORDER_COMPLETED, **more: Any) -> bytes:  # noqa: ANN401 - any JSON
    """The body of a delivery."""
    return json.dumps(
        {
            "specversion": "1.0",
            "id": f"{order}-{sequence}",
            "source": "/order-service",
            "type": kind,
            "subject": order,
            "time": "2026-11-24T12:00:00Z",
            "sequence": str(sequence),
            "datacontenttype": "application/json",
            "data": {"order_id": order},
            # As Dapr adds to what it delivers.
            "topic": "shop-events",
            "pubsubname": "pubsub",
            **more,
        }
    ).encode()


class Broker:
    """Keeps the dead letters that were published."""

    def __init__(self) -> None:
        self.letters: list[dict[str, Any]] = []
        self.is_away = False

    async def publish(self, event: dict[str, Any]) -> None:
        if self.is_away:
            raise NotPublishedError("the broker is away")
        self.letters.append(event)


class World:
    """One consumer on a database of its own."""

    def __init__(
        self, database: AsyncEngine, *, ordered: bool = True, gap_patience: timedelta = timedelta(minutes=15)
    ) -> None:
        self.database = database
        self.broker = Broker()
        self.failures: dict[str, list[Exception]] = {}
        """What the handler raises after its effect, by event, one a delivery."""
        self.always: dict[str, Exception] = {}
        self._inbox = Inbox(database, ordered=ordered, max_attempts=MAX_ATTEMPTS, gap_patience=gap_patience)
        self.consumer = self.with_handler(self._handle)

    def with_handler(self, handler: Effect) -> Consumer:
        """The same consumer with another effect."""
        return Consumer(APP, {EventType.ORDER_COMPLETED.value: handler}, self._inbox, self.broker)

    def failing_in_the_database(self, sqlstate: str) -> Consumer:
        """The same consumer, whose effect the database always ends with this error."""

        async def fails(tx: AsyncConnection, _: Received) -> None:
            await tx.execute(text(f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{sqlstate}'; END $$"))

        return self.with_handler(fails)

    async def take(self, *bodies: bytes) -> list[Answer]:
        """Deliver one after the other."""
        return [await self.consumer.take(body) for body in bodies]

    async def effects(self, order: str = "ord-1") -> list[int]:
        """The sequences whose effect is there, in the order in which they took effect."""
        statement = text("SELECT sequence FROM effects WHERE subject = :order ORDER BY effect_id")
        async with self.database.connect() as connection:
            return list(await connection.scalars(statement, {"order": order}))

    async def states(self) -> dict[str, tuple[str, int]]:
        """The state and the counted attempts of each event."""
        async with self.database.connect() as connection:
            rows = await connection.execute(text("SELECT event_id, state, attempts FROM inbox"))
            return {row.event_id: (row.state, row.attempts) for row in rows}

    async def _handle(self, tx: AsyncConnection, event: Received) -> None:
        values = {"event_id": event.id, "subject": event.subject, "sequence": event.sequence}
        await tx.execute(
            text("INSERT INTO effects (event_id, subject, sequence) VALUES (:event_id, :subject, :sequence)"), values
        )
        if failures := self.failures.get(event.id):
            raise failures.pop(0)
        if event.id in self.always:
            raise self.always[event.id]
