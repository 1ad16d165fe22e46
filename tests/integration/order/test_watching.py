"""Whoever watches an order is told of its end, whenever he came."""

import asyncio
from typing import Any

from aiohttp import web
from sqlalchemy import Row

from order_service.api.events import OrderEvents, stream_order
from order_service.store import OrderStore
from tests.integration.api import client_of
from tests.integration.order.world import Desk

DEADLINE_SECONDS = 10


class SlowReader(OrderStore):
    """A store whose next reading of an order is held, once it is told to: the row it gives is an old one then."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.engine)
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


async def test_a_watcher_that_comes_while_the_order_ends_is_told_of_it(desk: Desk) -> None:
    """Also if another one was told between its reading of the row and its first event."""
    order_id = await desk.in_progress()
    orders = SlowReader(desk)
    events = OrderEvents(orders)

    async def watch(request: web.Request) -> web.StreamResponse:
        return await stream_order(request, orders, events)

    ticking = asyncio.create_task(events.run())
    async with asyncio.timeout(DEADLINE_SECONDS), client_of([web.get("/orders/{order_id}/events", watch)]) as client:

        async def story() -> str:
            async with client.get(f"/orders/{order_id}/events") as response:
                return await response.text()

        # The other one is slow to leave, so that nothing is told twice.
        async with events.watch(order_id) as other:
            await other.wait()
            other.clear()
            orders.holds_next = True
            late = asyncio.create_task(story())
            await orders.has_read.wait()
            await desk.complete(order_id)
            await other.wait()
            orders.goes_on.set()
            told = await late
    ticking.cancel()

    assert '"status": "completed"' in told
    assert "event: end" in told
