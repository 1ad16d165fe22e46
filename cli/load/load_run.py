"""Places planned orders from many clients at once, and watches for their ends. Imported only when it runs."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, Final

import aiohttp

from cli.load.load_report import EndedOrder, LoadResult, Refusal
from cli.load.mix import PlannedOrder
from cli.shop_client import ENDS, PAGE_LIMIT, ShopAwayError, ShopRefusedError, away, read, read_answer
from shared.shop.views import AcceptedBody, OrderPage, OrderView

POLL_SECONDS: Final = 0.2
CALL_SECONDS: Final = 30.0
FIRST_PAUSE_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 2.0

# What a repeat with the same key may heal.
PASSING: Final = frozenset({429, 500, 502, 503, 504})


class LoadRun:
    """One load against one shop."""

    def __init__(
        self,
        url: str,
        timeout_seconds: float,
        on_end: Callable[[], None],
        *,
        call_seconds: float = CALL_SECONDS,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._url = url
        self._call_seconds = call_seconds
        self._poll_seconds = poll_seconds
        self._deadline = time.monotonic() + timeout_seconds
        self._on_end = on_end
        self._open: dict[str, tuple[float, asyncio.Event]] = {}
        self._result = LoadResult()

    async def run(self, plan: list[PlannedOrder], clients: int) -> LoadResult:
        """Place all orders; each client places its next one when its last one has ended.

        Raises:
            ShopRefusedError: the shop takes no fault plans.
        """
        async with self._watched() as session:
            orders = iter(plan)
            async with asyncio.TaskGroup() as group:
                for _ in range(min(clients, len(plan))):
                    group.create_task(self._client(session, orders))
        return self._result

    async def run_paced(self, orders: Iterable[PlannedOrder], per_second: float, enough: asyncio.Event) -> LoadResult:
        """Place orders at an even pace, however the shop fares, until it is enough; then wait for their ends.

        Raises:
            ShopRefusedError: the shop takes no fault plans.
        """
        async with self._watched() as session, asyncio.TaskGroup() as group:
            for order in orders:
                if enough.is_set():
                    break
                group.create_task(self._follow(session, order))
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(enough.wait(), 1 / per_second)
        return self._result

    @property
    def ended(self) -> list[EndedOrder]:
        """The orders that have ended so far."""
        return self._result.ended

    @asynccontextmanager
    async def _watched(self) -> AsyncIterator[aiohttp.ClientSession]:
        timeout = aiohttp.ClientTimeout(total=self._call_seconds)
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
            watcher = asyncio.create_task(self._watch(session))
            try:
                yield session
            except ExceptionGroup as failures:
                raise failures.exceptions[0] from None
            finally:
                watcher.cancel()
                await asyncio.gather(watcher, return_exceptions=True)
        self._result.not_ended = sorted(self._open)

    async def _client(self, session: aiohttp.ClientSession, orders: Iterator[PlannedOrder]) -> None:
        for order in orders:
            await self._follow(session, order)

    async def _follow(self, session: aiohttp.ClientSession, order: PlannedOrder) -> None:
        """Place the order, cancel it if that is planned, and wait for its end."""
        posted_at = time.time()
        try:
            accepted = await self._place(session, order)
            order_id = accepted.order_id
            self._result.accepted[order.key] = accepted
            ended = asyncio.Event()
            self._open[order_id] = (posted_at, ended)
            if order.cancel_after_seconds is not None:
                await asyncio.sleep(order.cancel_after_seconds)
                await self._cancel(session, order_id)
        except ShopRefusedError as refusal:
            if refusal.status == HTTPStatus.FORBIDDEN:
                raise
            self._result.refusals.append(Refusal(order.key, refusal.status, str(refusal)))
            return
        except ShopAwayError as error:
            self._result.errors.append(f"{order.key}: {error}")
            return
        with contextlib.suppress(TimeoutError):  # it stays among the open ones
            await asyncio.wait_for(ended.wait(), self._left())

    async def _place(self, session: aiohttp.ClientSession, order: PlannedOrder) -> AcceptedBody:
        return read(AcceptedBody, await self._insist(session, "/orders", json=order.body, key=order.key))

    async def _cancel(self, session: aiohttp.ClientSession, order_id: str) -> None:
        try:
            await self._insist(session, f"/orders/{order_id}/cancel")
        except ShopRefusedError as refusal:
            if refusal.status != HTTPStatus.CONFLICT:  # it was too late, as some are meant to be
                raise

    async def _insist(self, session: aiohttp.ClientSession, path: str, **request: Any) -> Any:  # noqa: ANN401 - JSON
        """POST until there is an answer: a repeat is harmless."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                return await self._call(session, "POST", path, **request)
            except (ShopAwayError, ShopRefusedError) as error:
                if isinstance(error, ShopRefusedError) and error.status not in PASSING:
                    raise
                if self._left() < pause:
                    raise
            self._result.retries += 1
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def _watch(self, session: aiohttp.ClientSession) -> None:
        """Notice ends: most from the pages of the newest orders, what is older than those one by one."""
        while True:
            await asyncio.sleep(self._poll_seconds)
            if not self._open:
                continue
            try:
                await self._look(session)
            except (ShopAwayError, ShopRefusedError):
                continue  # the shop is away for the moment; the deadline bounds the wait

    async def _look(self, session: aiohttp.ClientSession) -> None:
        asked = set(self._open)
        page = read(OrderPage, await self._call(session, "GET", f"/orders?limit={_page_size(len(asked))}"))
        while True:
            seen = {order.order_id for order in page.items}
            for order in page.items:
                self._notice(order)
            new, asked = asked & seen, asked - seen
            cursor = page.next_cursor
            if not asked or not new or cursor is None:
                break
            path = f"/orders?limit={PAGE_LIMIT}&cursor={cursor}"
            page = read(OrderPage, await self._call(session, "GET", path))
        for order_id in asked:
            self._notice(read(OrderView, await self._call(session, "GET", f"/orders/{order_id}")))

    def _notice(self, order: OrderView) -> None:
        if order.status not in ENDS or order.order_id not in self._open:
            return
        posted_at, ended = self._open.pop(order.order_id)
        # A parked order has not ended for good, but nothing more happens without a person.
        ended_at = order.ended_at.timestamp() if order.ended_at else time.time()
        self._result.ended.append(EndedOrder(order.order_id, order.status, posted_at, ended_at))
        self._on_end()
        ended.set()

    async def _call(
        self,
        session: aiohttp.ClientSession,
        method: str,
        path: str,
        *,
        json: dict[str, Any] | None = None,
        key: str | None = None,
    ) -> Any:  # noqa: ANN401 - JSON
        headers = {"Idempotency-Key": key} if key else {}
        try:
            async with session.request(method, self._url + path, json=json, headers=headers) as response:
                return read_answer(response.status, await response.read())
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
            raise ShopAwayError(away(self._url, cause)) from None

    def _left(self) -> float:
        return max(0.0, self._deadline - time.monotonic())


def _page_size(open_orders: int) -> int:
    return min(PAGE_LIMIT, max(20, 2 * open_orders))
