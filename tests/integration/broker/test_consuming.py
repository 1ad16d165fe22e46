"""The consumer behind a real sidecar and a real broker: nothing is lost, doubled, or taken out of turn."""

import contextlib
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.events.consumer import Handler
from shared.events.consuming import consuming
from shared.events.event import EventType
from shared.events.received import Received
from shared.participant.errors import Refused
from shared.service.lifecycle import Stop
from shared.shop.registry import SHOP
from tests.integration.broker.world import BrokerWorld
from tests.integration.inbox.world import an_event
from tests.waiting import eventually

QUICK = {"subscription_silence_seconds": 2.0, "subscription_patience_seconds": 4.0, "event_max_attempts": 3}


class Effects:
    """The effects of a handler, which fails on demand."""

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database
        self.failures: list[Exception] = []

    async def handle(self, tx: AsyncConnection, event: Received) -> None:
        values = {"event_id": event.id, "subject": event.subject, "sequence": event.sequence}
        await tx.execute(
            text("INSERT INTO effects (event_id, subject, sequence) VALUES (:event_id, :subject, :sequence)"), values
        )
        if self.failures:
            raise self.failures.pop(0)

    async def seen(self) -> list[tuple[str, int]]:
        async with self._database.connect() as connection:
            rows = await connection.execute(text("SELECT subject, sequence FROM effects ORDER BY effect_id"))
            return [(row.subject, row.sequence) for row in rows]

    def become(self, *expected: tuple[str, int]) -> Callable[[], Coroutine[Any, Any, bool]]:
        async def are() -> bool:
            return list(expected) == await self.seen()

        return are


@pytest.fixture
def effects(database: AsyncEngine) -> Effects:
    return Effects(database)


@contextlib.asynccontextmanager
async def consumer(
    world: BrokerWorld, database: AsyncEngine, database_url: str, handler: Handler, *, ordered: bool = True
) -> AsyncIterator[None]:
    settings = world.settings(database_url, **QUICK)
    handlers = {EventType.ORDER_COMPLETED: handler}
    async with (
        consuming(
            "notification-service", settings, database, handlers, Stop(), sources=SHOP.sources, ordered=ordered
        ) as routes,
        world.serving([*routes]),
    ):
        yield


async def test_a_consumer_that_was_down_catches_up(
    world: BrokerWorld, database: AsyncEngine, database_url: str, effects: Effects
) -> None:
    """The broker keeps what nobody has acknowledged, and the order of an order's events is kept."""
    world.supervise_sidecar()
    async with consumer(world, database, database_url, effects.handle):
        await world.wait_for_sidecar()
        await world.publish(an_event(1))
        await eventually(effects.become(("ord-1", 1)), "the first event")
    await world.publish(*map(an_event, range(2, 20)))

    async with consumer(world, database, database_url, effects.handle):
        await eventually(effects.become(*(("ord-1", number) for number in range(1, 20))), "all events, in their order")


async def test_only_the_wanted_events_reach_the_app(
    world: BrokerWorld, database: AsyncEngine, database_url: str, effects: Effects
) -> None:
    """The sidecar drops the others. An ordered app gets all of a source, so that its count has no gap."""
    world.supervise_sidecar()
    async with consumer(world, database, database_url, effects.handle):
        await world.wait_for_sidecar()
        foreign = an_event(7, kind="stock.reserved", order="ord-9").replace(b"/order-service", b"/inventory-service")
        await world.publish(foreign, an_event(1, kind="order.accepted"), an_event(2))
        await eventually(effects.become(("ord-1", 2)), "the wanted event")

    async with database.connect() as connection:
        rows = await connection.execute(text("SELECT event_id FROM inbox ORDER BY sequence"))
        assert ["ord-1-1", "ord-1-2"] == [row.event_id for row in rows]


async def test_an_unordered_app_gets_its_types_only(
    world: BrokerWorld, database: AsyncEngine, database_url: str, effects: Effects
) -> None:
    world.supervise_sidecar()
    async with consumer(world, database, database_url, effects.handle, ordered=False):
        await world.wait_for_sidecar()
        await world.publish(an_event(1, kind="order.accepted"), an_event(2))
        await eventually(effects.become(("ord-1", 2)), "the wanted event")

    async with database.connect() as connection:
        assert ["ord-1-2"] == list(await connection.scalars(text("SELECT event_id FROM inbox")))


async def test_a_handler_that_fails_gets_the_event_again(
    world: BrokerWorld, database: AsyncEngine, database_url: str, effects: Effects
) -> None:
    effects.failures = [RuntimeError("a bug"), ConnectionError("away")]
    world.supervise_sidecar()
    async with consumer(world, database, database_url, effects.handle):
        await world.wait_for_sidecar()
        await world.publish(an_event(1), an_event(2))

        await eventually(effects.become(("ord-1", 1), ("ord-1", 2)), "both, in their order")


async def test_poison_ends_in_the_dead_letters_and_holds_up_nothing(
    world: BrokerWorld, database: AsyncEngine, database_url: str, effects: Effects
) -> None:
    """A refusal, and what is no event at all: the broker forgets them once their letters are stored."""
    effects.failures = [Refused("nobody lives there")]
    world.supervise_sidecar()
    async with consumer(world, database, database_url, effects.handle):
        await world.wait_for_sidecar()
        await world.publish(an_event(1), b'{"no": "event"}', an_event(2))
        await eventually(effects.become(("ord-1", 2)), "the event after the poison")

        async def nothing_is_open() -> bool:
            info = await world.consumer_info()
            return not info.num_pending and not info.num_ack_pending

        await eventually(nothing_is_open, "everything is acknowledged")

    letters = [json.loads(letter)["data"] for letter in await world.letters()]
    assert ["refused: nobody lives there", "it can't be read"] == [one["reason"].split(": id")[0] for one in letters]


async def test_broker_and_sidecar_are_killed_in_the_middle(
    world: BrokerWorld, database: AsyncEngine, database_url: str, effects: Effects
) -> None:
    """SIGKILL to each in turn, while events come: none is lost, doubled, or taken out of turn."""
    world.supervise_sidecar()
    async with consumer(world, database, database_url, effects.handle):
        await world.wait_for_sidecar()
        for first in range(1, 60, 20):
            await world.publish(*map(an_event, range(first, first + 10)))
            await world.kill_sidecar()
            await world.publish(*map(an_event, range(first + 10, first + 20)))
            await world.kill_broker()
            await world.start_broker()

        await eventually(effects.become(*(("ord-1", number) for number in range(1, 61))), "all events, in their order")


async def test_a_connection_that_was_given_up_is_noticed(
    world: BrokerWorld, database: AsyncEngine, database_url: str, effects: Effects
) -> None:
    """The client in the sidecar gives up for good, as it does after two minutes without its broker.

    Here it gives up sooner, since the broker turns it away twice; the connection ends in the same way.
    """
    world.supervise_sidecar()
    async with consumer(world, database, database_url, effects.handle):
        await world.wait_for_sidecar()
        await world.kill_broker()
        await world.start_broker("--user", "somebody", "--pass", "else")
        log = world.folder / "broker.log"

        async def turned_away_twice() -> bool:
            return log.read_text().count("authentication error") >= 2

        await eventually(turned_away_twice, "the sidecar's client is turned away twice")
        await world.kill_broker()
        await world.start_broker()
        await world.publish(an_event(1))

        await eventually(effects.become(("ord-1", 1)), "the event arrives through another sidecar")
        assert 2 == world.sidecar_starts


async def test_a_consumer_that_is_gone_in_the_broker_is_noticed(
    world: BrokerWorld, database: AsyncEngine, database_url: str, effects: Effects
) -> None:
    """The connection is well, but nobody delivers any more."""
    world.supervise_sidecar()
    async with consumer(world, database, database_url, effects.handle):
        await world.wait_for_sidecar()
        async with world.jetstream() as jetstream:
            await jetstream.delete_consumer("shop-events", "notification-service")
        await world.publish(an_event(1))

        await eventually(effects.become(("ord-1", 1)), "the event arrives through another sidecar")
        assert 2 == world.sidecar_starts


async def test_a_quiet_subscription_keeps_its_sidecar(
    world: BrokerWorld, database: AsyncEngine, database_url: str, effects: Effects
) -> None:
    """Heartbeats go out and come back."""
    world.supervise_sidecar()
    async with consumer(world, database, database_url, effects.handle):
        await world.wait_for_sidecar()

        async def some_came_back() -> bool:
            async with database.connect() as connection:
                beats = text("SELECT sequence FROM inbox_cursors WHERE subject = 'heartbeat'")
                numbers.add((await connection.execute(beats)).scalar())
                return len(numbers - {None}) >= 3

        numbers: set[int | None] = set()
        await eventually(some_came_back, "heartbeats come back")
        assert 1 == world.sidecar_starts
