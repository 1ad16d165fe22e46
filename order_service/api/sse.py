"""`GET /orders/{id}/events`: the order as Server-Sent Events, from its present state to its end.

Each event carries the whole order but for its `error`, and, as its id, the revision: a client that reconnects with
`Last-Event-ID` gets what it missed in one event, and 204 if it has missed nothing of an order that has ended. The rows
of all watched orders are asked for in one query per tick, which survives restarts of the database and works with any
number of replicas.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any, Final

import structlog
from aiohttp import web
from aiohttp.hdrs import METH_HEAD
from sqlalchemy import Row
from sqlalchemy.exc import SQLAlchemyError

from order_service.api.problems import order_id_of
from order_service.errors import UnknownOrderError
from order_service.orders import OrderStore
from shared.shop.order import OrderStatus
from shared.shop.reasons import for_customer, for_operators
from shared.shop.views import OrderView
from shared.web.paging import whole_number

TICK_SECONDS: Final = 0.2
PING_SECONDS: Final = 15.0
RETRY_MILLISECONDS: Final = 2000
"""So long a browser waits before it connects again."""
HEADERS: Final = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-cache",
    # A proxy such as nginx would hold the events back until the end.
    "X-Accel-Buffering": "no",
}
LAST_REVISION: Final = 2**63 - 1
FOR_OPERATORS: Final = {"error"}
"""What a customer who watches an order isn't sent."""

log = structlog.get_logger()


class OrderEvents:
    """Wakes the watchers of orders whose revision has changed."""

    def __init__(self, orders: OrderStore) -> None:
        self._orders = orders
        self._watchers: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._seen: dict[str, int] = {}

    @contextlib.asynccontextmanager
    async def watch(self, order_id: str) -> AsyncIterator[asyncio.Event]:
        """An event that is set whenever the order has changed."""
        changed = asyncio.Event()
        self._watchers[order_id].add(changed)
        try:
            yield changed
        finally:
            self._watchers[order_id].discard(changed)
            if not self._watchers[order_id]:
                del self._watchers[order_id]
                self._seen.pop(order_id, None)

    async def run(self) -> None:
        """Look for changes until cancelled; costs nothing while nobody watches."""
        while True:
            await asyncio.sleep(TICK_SECONDS)
            if not self._watchers:
                continue
            try:
                revisions = await self._orders.revisions(list(self._watchers))
            except (SQLAlchemyError, OSError, TimeoutError) as error:
                log.warning("watched orders not read, trying again", error=str(error))
                continue
            for order_id, revision in revisions.items():
                if self._seen.get(order_id) != revision and order_id in self._watchers:
                    self._seen[order_id] = revision
                    for changed in self._watchers[order_id]:
                        changed.set()


async def stream_order(request: web.Request, orders: OrderStore, events: OrderEvents) -> web.StreamResponse:
    """Send the order whenever it changes, until it has ended or the client goes.

    Raises:
        UnknownOrderError: there is no such order.
    """
    order_id = order_id_of(request)
    sent = _last_event_id(request)
    response = web.StreamResponse(headers=HEADERS)
    with contextlib.suppress(ConnectionResetError):
        # Watched before it is read: a change after the reading wakes this watcher, even if it woke others before.
        async with events.watch(order_id) as changed:
            row = await orders.by_id(order_id)
            if row is None:
                raise UnknownOrderError(order_id=order_id)
            if OrderStatus(row.status).has_ended and row.revision <= sent:
                # Only this stops a browser's EventSource from asking again, for ever.
                return web.Response(status=HTTPStatus.NO_CONTENT)
            if request.method == METH_HEAD:
                return web.Response(headers=HEADERS)
            await response.prepare(request)
            await response.write(f"retry: {RETRY_MILLISECONDS}\n\n".encode())
            while True:
                if row is not None and row.revision > sent:
                    sent = row.revision
                    data = order_view(row).model_dump_json(exclude=FOR_OPERATORS)
                    await response.write(f"id: {sent}\nevent: order\ndata: {data}\n\n".encode())
                if row is None or OrderStatus(row.status).has_ended:
                    break
                await _change_or_ping(changed, response)
                row = await orders.by_id(order_id)
        await response.write(b"event: end\ndata: {}\n\n")
    return response


async def _change_or_ping(changed: asyncio.Event, response: web.StreamResponse) -> None:
    while True:
        try:
            async with asyncio.timeout(PING_SECONDS):
                await changed.wait()
        except TimeoutError:
            await response.write(b": still here\n\n")
        else:
            changed.clear()
            return


def _last_event_id(request: web.Request) -> int:
    return whole_number(request.headers.get("Last-Event-ID", ""), 0, LAST_REVISION) or 0


def order_view(row: Row[Any]) -> OrderView:
    """The order, from its row."""
    shown = {
        **row._asdict(),
        "reason": for_customer(row.status, row.reason),
        "error": for_operators(row.error, row.reason),
        "approval": row.approval_state,
        "steps": row.timeline["steps"],
    }
    return OrderView.model_validate(shown)
