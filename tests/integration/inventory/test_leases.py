"""Reservations end by themselves, after the order-service has been asked: every answer, and every race."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from sqlalchemy import text

from inventory_service.leases import Leases, LeaseTimes, Orders
from shared.participant.errors import Refused
from shared.shop.inventory import StockReleased
from shared.web.http import application
from shared.web.problems import ProblemError
from tests.integration.inventory.world import Inventory
from tests.integration.turns import in_turn

TIMES: Final = LeaseTimes(lease_seconds=3600, sweep_seconds=0.01)
OPEN: Final = ("accepted", "in_progress", "needs_attention")
UNDONE: Final = ("compensated", "cancelled")


@dataclass
class OrderApiDouble:
    """The order-service's `GET /orders/{id}`, over real HTTP, with the orders that a test names."""

    orders: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    answer: tuple[int, Any] | None = None
    """What it answers whatever it is asked."""
    before_answering: Callable[[], Awaitable[object]] | None = None

    async def show(self, request: web.Request) -> web.Response:
        order_id = request.match_info["order_id"]
        self.asked.append(order_id)
        if self.before_answering is not None:
            await self.before_answering()
        if self.answer is not None:
            return web.json_response(self.answer[1], status=self.answer[0])
        if order_id not in self.orders:
            raise ProblemError(web.HTTPNotFound.status_code, f"There is no order {order_id}.", order_id=order_id)  # type: ignore[arg-type] # a status is an int
        return web.json_response({"order_id": order_id, "status": self.orders[order_id]})


async def always_ready() -> None:
    return None


@pytest.fixture
def orders_api() -> OrderApiDouble:
    return OrderApiDouble()


@pytest.fixture
async def leases(inventory: Inventory, orders_api: OrderApiDouble) -> AsyncIterator[Leases]:
    app = application(always_ready)
    app.router.add_get("/orders/{order_id}", orders_api.show)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        yield Leases(inventory.database, inventory.stock, Orders(session, str(server.make_url("/"))), TIMES)


async def run_out(inventory: Inventory) -> None:
    """Every lease ends now."""
    async with inventory.database.begin() as tx:
        await tx.execute(text("UPDATE reservations SET lease_until = now() WHERE lease_until IS NOT NULL"))


async def leased(inventory: Inventory) -> dict[str, float | None]:
    """For how many seconds each reservation's lease still runs."""
    async with inventory.database.connect() as connection:
        rows = await connection.execute(
            text("SELECT saga_id, extract(epoch FROM lease_until - now())::float AS seconds FROM reservations")
        )
        return {row.saga_id: row.seconds for row in rows}


async def test_a_reservation_is_a_lease(inventory: Inventory, leases: Leases, orders_api: OrderApiDouble) -> None:
    """Nobody is asked before it ends."""
    await inventory.stocked(A=5)
    await inventory.reserve(A=2)

    assert await leases.sweep() == 0

    seconds = (await leased(inventory))["order-1"]
    assert seconds is not None
    assert 3500 < seconds <= 3600
    assert orders_api.asked == []


async def test_a_lease_of_no_order_is_released_and_closed_for_late_arrivals(
    inventory: Inventory, leases: Leases
) -> None:
    """The units are back on sale, and the tombstone refuses a duplicate that is still under way."""
    await inventory.stocked(A=5)
    await inventory.reserve(A=2)
    await run_out(inventory)

    assert await leases.sweep() == 1

    assert await inventory.available() == {"A": 5}
    assert await leased(inventory) == {"order-1": None}
    with pytest.raises(Refused, match="undone before it arrived"):
        await inventory.reserve(A=2)


@pytest.mark.parametrize("status", UNDONE)
async def test_a_lease_of_an_undone_order_is_released(
    inventory: Inventory, leases: Leases, orders_api: OrderApiDouble, status: str
) -> None:
    """It should hold nothing any more: a leak, repaired."""
    await inventory.stocked(A=5)
    await inventory.reserve(A=2)
    orders_api.orders["order-1"] = status
    await run_out(inventory)

    await leases.sweep()

    assert await inventory.available() == {"A": 5}
    assert await inventory.reservations() == {"order-1": "released"}


@pytest.mark.parametrize("status", OPEN)
async def test_a_lease_of_an_open_order_is_extended(
    inventory: Inventory, leases: Leases, orders_api: OrderApiDouble, status: str
) -> None:
    """Also while a person decides about it: the units are its own."""
    await inventory.stocked(A=5)
    await inventory.reserve(A=2)
    orders_api.orders["order-1"] = status
    await run_out(inventory)

    await leases.sweep()

    assert await inventory.available() == {"A": 3}
    seconds = (await leased(inventory))["order-1"]
    assert seconds is not None
    assert seconds > 3500


async def test_units_of_a_completed_order_never_go_back_on_sale(
    inventory: Inventory, leases: Leases, orders_api: OrderApiDouble
) -> None:
    """Its lease ends, and nobody asks about it again."""
    await inventory.stocked(A=5)
    await inventory.reserve(A=2)
    orders_api.orders["order-1"] = "completed"
    await run_out(inventory)

    await leases.sweep()
    await leases.sweep()

    assert await inventory.available() == {"A": 3}
    assert (await leased(inventory), orders_api.asked) == ({"order-1": None}, ["order-1"])


@pytest.mark.parametrize(
    "answer",
    [
        (404, {"detail": "no route"}),
        (404, {"order_id": "another"}),
        (404, []),
        (200, {"status": "compensated"}),
        (200, {"order_id": "another", "status": "compensated"}),
        (500, {"order_id": "order-1", "status": "compensated"}),
        (503, {"detail": "The database is away for the moment."}),
    ],
)
async def test_what_does_not_speak_of_the_order_releases_nothing(
    inventory: Inventory, leases: Leases, orders_api: OrderApiDouble, answer: tuple[int, Any]
) -> None:
    """A wrong address or a proxy's 404 must not sell a customer's units to another one; it is asked again later."""
    await inventory.stocked(A=5)
    await inventory.reserve(A=2)
    orders_api.answer = answer
    await run_out(inventory)

    await leases.sweep()

    assert await inventory.available() == {"A": 3}
    seconds = (await leased(inventory))["order-1"]
    assert seconds is not None
    assert 0 < seconds <= TIMES.ask_again_seconds


async def test_while_the_order_service_is_away_everything_is_kept(inventory: Inventory) -> None:
    """And asked about again."""
    await inventory.stocked(A=5)
    await inventory.reserve(A=2)
    await run_out(inventory)
    async with aiohttp.ClientSession() as session:
        leases = Leases(inventory.database, inventory.stock, Orders(session, "http://127.0.0.1:1"), TIMES)

        assert await leases.sweep() == 1

    assert await inventory.available() == {"A": 3}
    assert (await leased(inventory))["order-1"] is not None


async def test_replicas_share_the_work(inventory: Inventory, leases: Leases, orders_api: OrderApiDouble) -> None:
    """Each ended lease is asked about once, and each unit comes back once."""
    await inventory.stocked(A=100)
    for number in range(90):
        await inventory.reserve(f"order-{number}", A=1)
    await run_out(inventory)

    counts = await asyncio.gather(*(leases.sweep() for _ in range(4)))

    assert sum(counts) == 90
    assert len(orders_api.asked) == len(set(orders_api.asked)) == 90
    assert await inventory.available() == {"A": 100}


async def test_a_sweep_that_races_the_sagas_own_calls(
    inventory: Inventory, leases: Leases, orders_api: OrderApiDouble
) -> None:
    """Duplicates of the do and the undo arrive while the lease is ended: the stock adds up, and nothing is left."""
    await inventory.stocked(A=10)
    for number in range(30):
        saga_id = f"order-{number}"
        await inventory.reserve(saga_id, A=3)
        orders_api.orders[saga_id] = "compensated"
        await run_out(inventory)

        await asyncio.gather(
            leases.sweep(),
            inventory.release(saga_id),
            inventory.reserve(saga_id, A=3),
            leases.sweep(),
            return_exceptions=True,
        )

        assert await inventory.available() == {"A": 10}
    assert set((await inventory.reservations()).values()) == {"released"}


@pytest.mark.parametrize("sweeps_first", [True, False])
async def test_a_sweep_and_the_sagas_undo_take_the_step_in_turn(
    inventory: Inventory, leases: Leases, orders_api: OrderApiDouble, *, sweeps_first: bool
) -> None:
    """Whoever comes first releases the units, and both know how many."""
    await inventory.stocked(A=5)
    await inventory.reserve(A=2)
    orders_api.orders["order-1"] = "compensated"
    await run_out(inventory)
    rivals = (leases.sweep, inventory.release) if sweeps_first else (inventory.release, leases.sweep)

    answers = await in_turn(inventory.database, "saga_steps WHERE saga_id = 'order-1'", *rivals)

    assert {*answers} == {1, StockReleased(released_units=2)}
    assert await inventory.available() == {"A": 5}


@pytest.mark.parametrize("sweeps_first", [True, False])
async def test_a_sweep_and_a_repeated_do_take_the_step_in_turn(
    inventory: Inventory, leases: Leases, orders_api: OrderApiDouble, *, sweeps_first: bool
) -> None:
    """A do behind the sweep is refused; one before it gets its first answer, and the units go back all the same."""
    await inventory.stocked(A=5)
    first = await inventory.reserve(A=2)
    orders_api.orders["order-1"] = "compensated"
    await run_out(inventory)
    repeat = partial(inventory.reserve, A=2)
    rivals = (leases.sweep, repeat) if sweeps_first else (repeat, leases.sweep)

    answers = await in_turn(inventory.database, "saga_steps WHERE saga_id = 'order-1'", *rivals)

    repeated = answers[1 if sweeps_first else 0]
    assert isinstance(repeated, Refused) if sweeps_first else repeated == first
    assert await inventory.available() == {"A": 5}


async def test_a_release_before_the_answer_comes_is_final(
    inventory: Inventory, leases: Leases, orders_api: OrderApiDouble
) -> None:
    """An answer that is old when it comes neither extends nor revives what was released meanwhile."""
    await inventory.stocked(A=5)
    await inventory.reserve(A=2)
    orders_api.orders["order-1"] = "in_progress"
    orders_api.before_answering = inventory.release
    await run_out(inventory)

    await leases.sweep()

    assert await inventory.available() == {"A": 5}
    assert await leased(inventory) == {"order-1": None}


async def test_a_step_that_cannot_be_read_keeps_no_other_waiting(inventory: Inventory, leases: Leases) -> None:
    """Its units are kept, and it is looked at again."""
    await inventory.stocked(A=5)
    await inventory.reserve("broken", A=2)
    await inventory.reserve("sound", A=1)
    async with inventory.database.begin() as tx:
        await tx.execute(text("UPDATE saga_steps SET answer = '{}' WHERE saga_id = 'broken'"))
    await run_out(inventory)

    assert await leases.sweep() == 2

    assert {"broken": 2} == await active_units(inventory)


async def active_units(inventory: Inventory) -> dict[str, int]:
    """How many units each saga still has set aside."""
    statement = text(
        "SELECT saga_id, sum(quantity)::int AS units FROM reservations JOIN reservation_lines USING (reservation_id) "
        "WHERE status = 'active' GROUP BY saga_id"
    )
    async with inventory.database.connect() as connection:
        return {row.saga_id: row.units for row in await connection.execute(statement)}
