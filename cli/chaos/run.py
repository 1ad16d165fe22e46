"""One run: load and faults side by side, until every order has ended. Imported only when it runs.

Some figures have to be read while the run goes on, because a killed process takes them with it.
"""

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

import asyncpg

from cli.chaos.schedule import Blow, Fault, Kind
from cli.load.load_report import EndedOrder, LoadResult
from cli.load.load_run import LoadRun
from cli.load.mix import Mix, PlannedOrder, assortment, plan_orders
from cli.shop.order_body import order_body
from cli.shop_client import ShopAwayError, ShopClient, ShopRefusedError
from devstack.errors import NotRunningError, StackError
from devstack.postgres.passwords import AUDITOR, load_passwords
from devstack.settings import StackSettings
from devstack.supervisor.client import StackClient, StackStatus
from devstack.topology.layout import database_layout
from shared.contracts.call import Fault as FaultOfOrder
from shared.contracts.call import FaultMode
from shared.shop.order import ORDER_SERVICE
from shared.shop.registry import SHOP
from shared.shop.reports import ConservationVerdict
from shared.shop.views import OrderView

SAMPLE_SECONDS: Final = 1.0
STATUS_EVERY: Final = 3
QUERY_SECONDS: Final = 2.0
_STEPS: Final = " UNION ALL ".join(
    f"SELECT repeats FROM {app.package}.saga_steps"  # noqa: S608 - names of the registry
    for app in SHOP.participants
)
REPEATS: Final = f"SELECT coalesce(sum(repeats), 0) FROM ({_STEPS}) all_steps"  # noqa: S608 - as above

SETTLE_SECONDS: Final = 600.0
"""An order's deadline, and then what the reconciler takes to find and undo an order whose workflow was lost."""
RECOVERY_SECONDS: Final = 120.0
READY_SECONDS: Final = 120.0
CALL_SECONDS: Final = 5.0
POLL_SECONDS: Final = 0.5
AUDIT_POLL_SECONDS: Final = 0.5
PRODUCTS_READ: Final = 500
ORDERS_READ: Final = 1_000_000
FOR_EVER: Final = 99
REFUSED, FAULTS, CANCELLED = 0.08, 0.15, 0.08


@dataclass(slots=True)
class Sampler:
    """Repeats that the fences have absorbed, by time, and the processor time of all processes that ever lived."""

    settings: StackSettings
    stack: StackClient
    repeats: list[tuple[float, int]] = field(default_factory=list)
    _seconds: dict[tuple[str, int], tuple[float, float]] = field(default_factory=dict)
    """By process: its processor time when first and when last seen."""

    async def run(self) -> None:
        """Read until cancelled; what can't be read now is read later."""
        number = 0
        while True:
            await self.read(status=number % STATUS_EVERY == 0)
            number += 1
            await asyncio.sleep(SAMPLE_SECONDS)

    async def read(self, *, status: bool = True) -> None:
        """Read once."""
        with contextlib.suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            # While the database is away, as planned, there is nothing to read.
            async with asyncio.timeout(QUERY_SECONDS):
                total = await self._query()
            self.repeats.append((time.time(), total))
        if status:
            with contextlib.suppress(StackError):  # the supervisor is busy; the next reading counts all the same
                self._note(await asyncio.to_thread(self.stack.status))

    def repeats_between(self, begin: float, end: float) -> int:
        """How many repeats were absorbed between two moments of the wall clock."""
        return self._repeats_at(end) - self._repeats_at(begin)

    @property
    def cpu_seconds(self) -> float:
        """Processor seconds since the first reading; what a process used after its last reading is missing."""
        return sum(last - first for first, last in self._seconds.values())

    def _repeats_at(self, moment: float) -> int:
        return next((total for read_at, total in reversed(self.repeats) if read_at <= moment), 0)

    def _note(self, status: StackStatus) -> None:
        is_first = not self._seconds
        rows = [(row.name, row.pid or 0, row.cpu_seconds) for row in status.processes]
        rows.append(("supervisor", int(status.supervisor["pid"]), float(status.supervisor["cpu_seconds"])))
        for name, pid, seconds in rows:
            # Whoever was started since the first reading counts from its start.
            first = self._seconds.get((name, pid), (seconds if is_first else 0.0, 0.0))[0]
            self._seconds[name, pid] = (first, seconds)

    async def _query(self) -> int:
        url = database_layout(self.settings, load_passwords(self.settings)).url_of(AUDITOR)
        connection = await asyncpg.connect(url)
        try:
            return int(await connection.fetchval(REPEATS))
        finally:
            connection.terminate()


@dataclass(frozen=True, slots=True)
class Injected:
    """A fault that was carried out, with its times on the wall clock; `missed` says which blows found nothing."""

    fault: Fault
    began_at: float
    over_at: float
    missed: tuple[str, ...] = ()


async def play(
    stack: StackClient, faults: tuple[Fault, ...], began_at: float, notify: Callable[[str], None]
) -> list[Injected]:
    """Carry out every fault at its time; returns when the last one's room to recover is over."""
    injected: list[Injected] = []
    for fault in faults:
        await asyncio.sleep(max(0.0, began_at + fault.at_seconds - time.time()))
        notify(f"{fault.at_seconds:6.1f} s  {fault}")
        injected.append(await _inject_all(stack, fault))
        await asyncio.sleep(max(0.0, began_at + fault.at_seconds + fault.room_seconds - time.time()))
    return injected


async def _inject_all(stack: StackClient, fault: Fault) -> Injected:
    began_at = time.time()
    blows = [asyncio.to_thread(_inject, stack, blow) for blow in fault.blows]
    missed = [reason for reason in await asyncio.gather(*blows) if reason is not None]
    return Injected(fault, began_at, time.time(), tuple(missed))


def _inject(stack: StackClient, blow: Blow) -> str | None:
    """Carry out one blow; why it found nothing to hit, or None."""
    try:
        match blow.kind:
            case Kind.KILL:
                stack.kill(blow.target)
            case Kind.STOP:
                stack.restart(blow.target)
            case Kind.SHUTDOWN:
                stack.signal(blow.target, "SIGQUIT")
            case Kind.PAUSE:
                _pause(stack, blow)
            case Kind.PARTITION:
                _partition(stack, blow)
            case Kind.POISON:
                pass  # it is among the orders of the load
    except NotRunningError:
        raise
    except StackError as error:
        # It has just died of the blow before, or by an order's own fault plan.
        return f"{blow}: {error}"
    return None


def _pause(stack: StackClient, blow: Blow) -> None:
    stack.signal(blow.target, "SIGSTOP")
    try:
        time.sleep(blow.seconds)
    finally:
        stack.signal(blow.target, "SIGCONT")


def _partition(stack: StackClient, blow: Blow) -> None:
    stack.partition(blow.target)
    try:
        time.sleep(blow.seconds)
    finally:
        stack.heal(blow.target)


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
    plan = await asyncio.to_thread(_plan, client, count, seed, faults, orders_per_second)
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


def _plan(
    client: ShopClient, count: int, seed: int, faults: tuple[Fault, ...], orders_per_second: float
) -> list[PlannedOrder]:
    """The mixed orders; at the time of each poison on the schedule, one that is it instead."""
    skus = assortment(islice(client.products(), PRODUCTS_READ))
    plan = plan_orders(count, Mix(REFUSED, FAULTS, seed, CANCELLED), skus, f"chaos-{uuid.uuid4().hex[:12]}")
    poison = [(fault, blow) for fault in faults for blow in fault.blows if blow.kind is Kind.POISON]
    for fault, blow in poison:
        number = int(fault.at_seconds * orders_per_second)
        dies = FaultOfOrder(activity=blow.target, mode=FaultMode.CRASH_BEFORE, times=FOR_EVER)
        plan[number] = PlannedOrder(plan[number].key, order_body([(skus[0], 1)], faults=[dies]))
    return plan


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
