"""Whoever watches an order gets its end, whenever he came."""

import asyncio
from http import HTTPStatus
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import Row

from order_service.api.sse import OrderEvents, stream_order
from order_service.orders import OrderStore
from tests.integration.api import Client, client_of
from tests.integration.order.world import World

DEADLINE_SECONDS = 10


class SlowReader(OrderStore):
    """A store whose next reading of an order is held on demand: the row it gives is an old one then."""

    def __init__(self, world: World) -> None:
        super().__init__(world.database)
        self.holds_next = False
        self.has_read = asyncio.Event()
        self.goes_on = asyncio.Event()

    async def by_id(self, order_id: str) -> Row[Any] | None:
        held, self.holds_next = self.holds_next, False
        row = await super().by_id(order_id)
        if held:
            self.has_read.set()
            await self.goes_on.wait()
        return row


def routes(orders: OrderStore, events: OrderEvents) -> list[web.RouteDef]:
    async def watch(request: web.Request) -> web.StreamResponse:
        return await stream_order(request, orders, events)

    return [web.get("/orders/{order_id}/events", watch)]


async def stream_of(client: Client, order_id: str, **headers: str) -> str:
    """All that a watcher gets until the order has ended."""
    async with client.get(f"/orders/{order_id}/events", headers=headers) as response:
        assert HTTPStatus.OK == response.status
        return await response.text()


async def test_a_watcher_that_comes_while_the_order_ends_receives_the_end(world: World) -> None:
    """Also if another one was sent between its reading of the row and its first event."""
    order_id = await world.in_progress()
    orders = SlowReader(world)
    events = OrderEvents(orders)

    ticking = asyncio.create_task(events.run())
    async with (
        asyncio.timeout(DEADLINE_SECONDS),
        client_of(routes(orders, events)) as client,
        # Slow to leave, so that nothing is sent twice.
        events.watch(order_id) as other,
    ):
        await other.wait()
        other.clear()
        orders.holds_next = True
        late = asyncio.create_task(stream_of(client, order_id))
        await orders.has_read.wait()
        await world.complete(order_id)
        await other.wait()
        orders.goes_on.set()
        story = await late
    ticking.cancel()

    assert '"status":"completed"' in story
    assert "event: end" in story


@pytest.mark.parametrize("event_id", ["", "x", "-1", "²", "0" * 5000, "9" * 5000])
async def test_a_last_event_id_that_was_never_given_is_as_good_as_none(world: World, event_id: str) -> None:
    """However long: the order is shown as it is."""
    order_id = await world.in_progress()
    await world.complete(order_id)

    async with client_of(routes(world.orders, OrderEvents(world.orders))) as client:
        story = await stream_of(client, order_id, **{"Last-Event-ID": event_id})

    assert '"status":"completed"' in story
