"""A customer cancels at every point of the saga: either everything is undone, or the customer is refused."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

import asyncpg
import pytest

from devstack.postgres.passwords import load_passwords
from devstack.settings import StackSettings
from devstack.topology.layout import database_layout
from tests.e2e.shop import DO, ENDED, UNDO, Shop, eventually, fault, held, outcomes, unless_away
from tests.waiting import eventually as until

T = TypeVar("T")

TRIES = 60
SLOWEST_SECONDS = 1.5
WAITS = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE $1"


def cancel(shop: Shop, order_id: str) -> int:
    return shop.call("POST", f"/orders/{order_id}/cancel").status


@pytest.mark.parametrize("step", DO)
def test_a_cancel_while_a_step_runs(shop: Shop, step: str) -> None:
    """The step is waited for; it and those before it are undone newest first, and no further step begins."""
    order_id = shop.order(fault(step, "delay", seconds=1.5))
    shop.reaches(order_id, step)

    assert cancel(shop, order_id) == 202

    order = shop.end_of(order_id)
    done = DO[: DO.index(step) + 1]
    undone = [(UNDO[name], "done") for name in reversed(done)]
    assert order["status"] == "cancelled"
    assert [*((name, "done") for name in done), *undone] == outcomes(order)


@pytest.mark.parametrize("step", DO)
def test_a_cancel_between_the_attempts_of_a_step(shop: Shop, step: str) -> None:
    """It is tried no further; since it may have happened, it is undone too."""
    order_id = shop.order(fault(step, "lose_reply", times=99))
    shop.reaches(order_id, step)

    assert cancel(shop, order_id) == 202

    order = shop.end_of(order_id)
    assert order["status"] == "cancelled"
    assert (UNDO[step], "done") in outcomes(order)
    assert next(one for one in order["steps"] if one["name"] == step)["attempts"] < 5


def test_a_cancel_before_the_saga_began(shop: Shop) -> None:
    """The order was accepted while the engine was away: when it is back, nothing is begun."""
    with held(shop.stack, "order-service-daprd"):
        order_id = shop.order()
        assert cancel(shop, order_id) == 202

    order = shop.end_of(order_id)
    assert order["status"] == "cancelled"
    assert [] == outcomes(order)


@pytest.mark.parametrize("mode", ["delay", "lose_reply", "crash_before", "crash_after"])
def test_a_cancel_during_the_pivot_has_one_winner(shop: Shop, mode: str) -> None:
    """Whatever happens to the pivot's activity, the order's row decides: once completed, the customer is refused.

    A crash takes the order-service with it, and so the front door at which the customer cancels.
    """
    order_ids = [shop.order(fault("complete_order", mode, seconds=1)) for _ in range(3)]

    answers = [through_restarts(partial(cancel, shop, order_id)) for order_id in order_ids]

    for order_id, answer in zip(order_ids, answers, strict=True):
        order = through_restarts(partial(_ended, shop, order_id))
        assert (answer, order["status"]) in {(202, "cancelled"), (409, "completed")}


def test_many_cancels_race_the_pivot(shop: Shop) -> None:
    """Cancels at all moments of an order's life: 202 and cancelled, or 409 and completed; never both, never neither."""

    def order_and_cancel(number: int) -> tuple[str, int]:
        order_id = shop.order()
        threading.Event().wait(SLOWEST_SECONDS * number / TRIES)
        return order_id, cancel(shop, order_id)

    with ThreadPoolExecutor(8) as customers:
        answers = list(customers.map(order_and_cancel, range(TRIES)))

    ends = Counter((answer, shop.end_of(order_id)["status"]) for order_id, answer in answers)
    assert set(ends) <= {(202, "cancelled"), (409, "completed")}
    assert ends.total() == TRIES


@pytest.mark.parametrize("cancels_first", [True, False])
def test_cancel_and_pivot_take_the_row_in_turn(shop: Shop, settings: StackSettings, *, cancels_first: bool) -> None:
    """The order's row is held until both wait for it; who waited first wins, and the other is refused."""
    order_id = shop.order(fault("complete_order", "delay", seconds=4))
    shop.reaches(order_id, "book_shipment", "done")  # the pivot is delayed, and no progress is left to be shown

    answer = asyncio.run(_in_turn(shop, settings, order_id, cancels_first=cancels_first))

    assert (answer, shop.end_of(order_id)["status"]) == ((202, "cancelled") if cancels_first else (409, "completed"))


def test_a_cancel_is_repeated_without_harm(shop: Shop) -> None:
    """Before its end and after it the customer gets the same answer."""
    order_id = shop.order(fault("book_shipment", "delay", seconds=2))
    shop.reaches(order_id, "book_shipment")

    answers = [cancel(shop, order_id) for _ in range(3)]
    order = shop.end_of(order_id)

    assert [202, 202, 202, 202] == [*answers, cancel(shop, order_id)]
    assert order["status"] == "cancelled"


def through_restarts(call: Callable[[], T | None]) -> T:
    """The call's answer; while the front door is away, try again."""
    return eventually(lambda: unless_away(call), "an answer")


def _ended(shop: Shop, order_id: str) -> dict[str, Any] | None:
    order = shop.show(order_id)
    return order if order["status"] in ENDED else None


async def _in_turn(shop: Shop, settings: StackSettings, order_id: str, *, cancels_first: bool) -> int:
    """The customer's answer, when cancel and pivot get the order's row in this order."""
    url = database_layout(settings, load_passwords(settings)).admin_url
    holder, observer = await asyncpg.connect(url), await asyncpg.connect(url)

    async def waits(column: str) -> bool:
        return bool(await observer.fetchval(WAITS, f"%UPDATE orders SET%{column}=%"))

    async def cancel_waits() -> asyncio.Task[int]:
        cancelling = asyncio.create_task(asyncio.to_thread(cancel, shop, order_id))
        await until(lambda: waits("cancel_requested_at"), "the cancel waits for the row")
        return cancelling

    try:
        transaction = holder.transaction()
        await transaction.start()
        await holder.execute("SELECT 1 FROM order_service.orders WHERE order_id = $1 FOR UPDATE", order_id)
        if cancels_first:
            cancelling = await cancel_waits()
            assert not await waits("tracking_number"), "the pivot came before the cancel"
            await until(lambda: waits("tracking_number"), "the pivot waits for the row")
        else:
            await until(lambda: waits("tracking_number"), "the pivot waits for the row")
            cancelling = await cancel_waits()
        await transaction.rollback()
        return await cancelling
    finally:
        await holder.close()
        await observer.close()
