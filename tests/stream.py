"""What is in the broker's stream, and what should be, by the books of the four services."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import asyncpg
import nats
from nats.js.errors import NotFoundError

from devstack.postgres.passwords import load_passwords
from devstack.settings import StackSettings
from devstack.topology.infrastructure import nats_url
from devstack.topology.layout import database_layout
from devstack.topology.specs import ONE_HOST
from shared.events.event import TOPIC, CloudEvent
from shared.events.watch import HEARTBEAT_TYPE

EXPECTED: Final = """
    SELECT '/order-service' AS source, order_id AS subject, 'order.accepted' AS type FROM order_service.orders
    UNION ALL SELECT '/order-service', order_id, 'order.' || status FROM order_service.orders WHERE ended_at IS NOT NULL
    UNION ALL SELECT '/inventory-service', saga_id, 'stock.reserved' FROM inventory_service.reservations
    UNION ALL SELECT '/inventory-service', saga_id, 'stock.released' FROM inventory_service.reservations
        WHERE status = 'released'
    UNION ALL SELECT '/payment-service', saga_id, CASE kind WHEN 'charge' THEN 'payment.processed'
        ELSE 'payment.refunded' END FROM payment_service.ledger_entries
        WHERE account = 'gateway_clearing' AND amount_cents <> 0
    UNION ALL SELECT '/shipping-service', saga_id, 'shipment.booked' FROM shipping_service.shipments
    UNION ALL SELECT '/shipping-service', saga_id, 'shipment.cancelled' FROM shipping_service.shipments
        WHERE status = 'cancelled'
"""
WAITING: Final = """
    SELECT (SELECT count(*) FROM order_service.outbox) + (SELECT count(*) FROM inventory_service.outbox)
        + (SELECT count(*) FROM payment_service.outbox) + (SELECT count(*) FROM shipping_service.outbox)
"""

Happened = tuple[str, str, str]
"""Source, subject, type."""


@dataclass(frozen=True)
class Stream:
    """The shop's events as the broker stored them, in its order."""

    events: Sequence[CloudEvent]

    @classmethod
    def of(cls, stored: Sequence[CloudEvent]) -> Self:
        """What happened in the shop: without the heartbeats that a consumer sends itself when it receives nothing."""
        return cls([event for event in stored if event.type != HEARTBEAT_TYPE])

    @property
    def first_arrivals(self) -> list[CloudEvent]:
        """Without those that came again."""
        return list({event.id: event for event in reversed(self.events)}.values())[::-1]

    @property
    def repeats(self) -> int:
        return len(self.events) - len(self.first_arrivals)

    def happened(self) -> list[Happened]:
        """What the events say, each id once."""
        return sorted((event.source, event.subject, event.type) for event in self.first_arrivals)

    def out_of_order(self) -> list[str]:
        """Subjects of a source whose events didn't first arrive as 1, 2, 3, and orders that something came before."""
        numbers: dict[tuple[str, str], list[int]] = {}
        types: dict[str, list[str]] = {}
        for event in self.first_arrivals:
            numbers.setdefault((event.source, event.subject), []).append(int(event.sequence))
            types.setdefault(event.subject, []).append(event.type)
        wrong = [
            f"{source} {subject}: {seen}"
            for (source, subject), seen in numbers.items()
            if seen != list(range(1, len(seen) + 1))
        ]
        return wrong + [f"{subject}: {seen}" for subject, seen in types.items() if not _is_a_story(seen)]


async def read_stream(settings: StackSettings) -> Stream:
    """All of it."""
    url = nats_url(settings, load_passwords(settings), ONE_HOST.main)
    connection = await nats.connect(url)
    try:
        jetstream = connection.jetstream()
        last = (await jetstream.stream_info(TOPIC)).state.last_seq
        events = []
        for sequence in range(1, last + 1):
            try:
                message = await jetstream.get_msg(TOPIC, sequence)
            except NotFoundError:
                continue
            events.append(CloudEvent.model_validate_json(message.data or b""))
        return Stream.of(events)
    finally:
        await connection.close()


async def expected(settings: StackSettings) -> list[Happened]:
    """What must have been published, by what the services have recorded."""
    return sorted((row["source"], row["subject"], row["type"]) for row in await query(settings, EXPECTED))


async def waiting(settings: StackSettings) -> int:
    """How many events are still in the outboxes."""
    [row] = await query(settings, WAITING)
    return int(row[0])


async def query(settings: StackSettings, statement: str) -> list[asyncpg.Record]:
    """Ask the database as its administrator, who reads everything."""
    connection = await asyncpg.connect(database_layout(settings, load_passwords(settings)).admin_url)
    try:
        return list(await connection.fetch(statement))
    finally:
        await connection.close()


def _is_a_story(types: Sequence[str]) -> bool:
    """An order begins with its acceptance, and nothing follows its end."""
    ends = {"order.completed", "order.compensated", "order.cancelled"}
    return types[0] == "order.accepted" and not ends & set(types[:-1])
