"""The relay's own picture of what waits, on real outboxes."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager

import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.schema import CreateSchema

from event_relay.__main__ import MIGRATIONS
from event_relay.outboxes import Outboxes, Waiting
from event_relay.publisher import BrokerAwayError
from event_relay.relay import BACKLOG, BATCH, Relay, RelayTimes
from shared.database import create_engine
from shared.events.outbox import OUTBOX
from shared.shop.registry import SHOP
from tests.integration.conftest import ServiceDatabase

EVENTS = BATCH * 3 + 7


class Broker:
    """Takes everything, or nothing."""

    def __init__(self) -> None:
        self.is_away = False

    async def publish(self, events: Sequence[Waiting]) -> None:
        if self.is_away:
            raise BrokerAwayError("the broker is away", events, sidecar_answers=True)

    async def received(self, trouble: BrokerAwayError | None) -> None:
        """It never minds."""


@pytest.fixture
async def database(service_database: ServiceDatabase, postgres_url: str) -> AsyncIterator[AsyncEngine]:
    """The four outboxes; a long queue waits in the order-service's."""
    name = service_database("event_relay", migrations=MIGRATIONS).rpartition("/")[2]
    database = create_engine(f"{postgres_url.rpartition('/')[0]}/{name}", application_name="tests")
    async with database.begin() as tx:
        for schema in SHOP.outboxes.values():
            await tx.execute(CreateSchema(schema))
            await (await tx.execution_options(schema_translate_map={None: schema})).run_sync(OUTBOX.create)
        await tx.execute(
            text(
                "INSERT INTO order_service.outbox (type, subject, sequence, data) "
                f"SELECT 'order.accepted', 'ord-' || n, 1, '{{}}' FROM generate_series(1, {EVENTS}) n"
            )
        )
    yield database
    await database.dispose()


async def test_a_long_queue_is_not_counted_at_every_look(database: AsyncEngine) -> None:
    """Each count reads all of it. What is reported is true all the same once the queue is short."""
    relay = Relay(database, Outboxes(SHOP.outboxes), broker := Broker(), broker, RelayTimes(count=3600))
    with counts(database) as counted:
        assert [BATCH, EVENTS] == [await carried(relay, database), waiting()]
        while await carried(relay, database):
            pass

    assert 1 == len(counted)
    assert 0 == waiting()


async def test_a_queue_that_does_not_move_is_counted_again(database: AsyncEngine) -> None:
    """While the broker is away it only grows, and somebody may wonder how long it is."""
    relay = Relay(database, Outboxes(SHOP.outboxes), broker := Broker(), broker, RelayTimes(count=0))
    broker.is_away = True
    await carried(relay, database)
    async with database.begin() as tx:
        await tx.execute(text("DELETE FROM order_service.outbox WHERE subject = 'ord-1'"))

    await carried(relay, database)

    assert EVENTS - 1 == waiting()


async def carried(relay: Relay, database: AsyncEngine) -> int:
    async with database.begin() as connection:
        return (await relay.carry(connection))[0]


def waiting() -> float:
    return float(BACKLOG._value.get())  # noqa: SLF001 - there is no public reader


@contextmanager
def counts(database: AsyncEngine) -> Iterator[list[str]]:
    """The statements that count rows."""
    seen: list[str] = []

    def note(*executed: object) -> None:
        seen.extend(statement for statement in executed if isinstance(statement, str) and "count(*)" in statement)

    event.listen(database.sync_engine, "before_cursor_execute", note)
    yield seen
    event.remove(database.sync_engine, "before_cursor_execute", note)
