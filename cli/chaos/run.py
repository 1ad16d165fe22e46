"""One run: load and faults side by side, until every order has ended. Imported only when it runs."""

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from cli.chaos.injections import Injected, play
from cli.chaos.sampler import Sampler
from cli.chaos.schedule import Fault
from cli.load.load_report import EndedOrder, LoadResult
from cli.load.load_run import LoadRun
from cli.load.mix import Mix, PlannedOrder, assortment, plan_orders
from cli.shop_client import ShopAwayError, ShopClient, ShopRefusedError
from devstack.errors import StackError
from devstack.settings import StackSettings
from devstack.supervisor.client import StackClient
from shared.shop.order import ORDER_SERVICE
from shared.shop.reports import ConservationVerdict
from shared.shop.views import OrderView

SETTLE_SECONDS: Final = 600.0
"""An order's deadline, and then what the reconciler takes to find and undo an order whose workflow was lost."""
RECOVERY_SECONDS: Final = 120.0
READY_SECONDS: Final = 120.0
CALL_SECONDS: Final = 5.0
POLL_SECONDS: Final = 0.5
AUDIT_POLL_SECONDS: Final = 0.5
PRODUCTS_READ: Final = 500
ORDERS_READ: Final = 1_000_000
REFUSED, FAULTS, CANCELLED = 0.08, 0.15, 0.08


@dataclass(frozen=True, slots=True)
class Played:
    """All that is known when a run is over."""

    began_at: float
    faults: tuple[Injected, ...]
    load: LoadResult
    orders: tuple[OrderView, ...]
    conservation: ConservationVerdict
    sampler: Sampler


async def run_chaos(  # noqa: PLR0913 - what a run is made of
    stack: StackClient,
    settings: StackSettings,
    *,
    faults: tuple[Fault, ...],
    duration_seconds: float,
    seed: int,
    orders_per_second: float,
    notify: Callable[[str], None],
) -> Played:
    """Play the faults under a load of mixed orders, wait for all orders to end, and audit.

    Raises:
        StackError: the shop doesn't answer even after the last fault's room to recover.
    """
    client = ShopClient(stack.urls()[ORDER_SERVICE])
    count = int(orders_per_second * (duration_seconds + RECOVERY_SECONDS)) + 1
    plan = await asyncio.to_thread(_plan, client, count, seed)
    news = asyncio.Event()
    load = LoadRun(
        client.url,
        duration_seconds + RECOVERY_SECONDS + SETTLE_SECONDS,
        news.set,
        call_seconds=CALL_SECONDS,
        poll_seconds=POLL_SECONDS,
    )
    sampler = Sampler(settings, stack)
    await sampler.read()
    enough = asyncio.Event()
    began_at = time.time()
    async with _beside(sampler.run()), _beside(load.run_paced(plan, orders_per_second, enough)) as placing:
        injected = await play(stack, faults, began_at, notify)
        await asyncio.sleep(max(0.0, began_at + duration_seconds - time.time()))
        await _recovered(load, injected, news)
        enough.set()
        notify("faults over; waiting for every order to end")
        result: LoadResult = await placing
    stack.wait_ready(timeout_seconds=READY_SECONDS)
    conservation, orders = await asyncio.to_thread(_audit, client)
    await sampler.read()
    return Played(began_at, tuple(injected), result, orders, conservation, sampler)


def first_new_completion(ended: list[EndedOrder], moment: float) -> float | None:
    """When the first order that was posted after this moment was completed."""
    completions = [one.ended_at for one in ended if one.posted_at >= moment and one.status == "completed"]
    return min(completions, default=None)


async def _recovered(load: LoadRun, injected: list[Injected], news: asyncio.Event) -> None:
    """Return when a new order has been completed after the last fault, or hope is lost; `news` reports every end."""
    last = max((one.began_at for one in injected), default=0.0)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(RECOVERY_SECONDS):
            while first_new_completion(load.ended, last) is None:
                news.clear()
                await news.wait()


def _plan(client: ShopClient, count: int, seed: int) -> list[PlannedOrder]:
    skus = assortment(islice(client.products(), PRODUCTS_READ))
    return plan_orders(count, Mix(REFUSED, FAULTS, seed, CANCELLED), skus, f"chaos-{uuid.uuid4().hex[:12]}")


def _audit(client: ShopClient) -> tuple[ConservationVerdict, tuple[OrderView, ...]]:
    """Conservation and all orders; the shop may need a moment after the last fault."""
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            return client.conservation(), tuple(client.orders(None, ORDERS_READ))
        except (ShopAwayError, ShopRefusedError):
            if time.monotonic() > deadline:
                raise
        time.sleep(AUDIT_POLL_SECONDS)


@contextlib.asynccontextmanager
async def _beside(coroutine: Any) -> AsyncIterator[asyncio.Task[Any]]:  # noqa: ANN401 - any coroutine
    task = asyncio.create_task(coroutine)
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, StackError):
            await task
