"""What the order-service publishes: each change of an order's status once, counted in the order's row."""

import asyncio
from typing import Any

import pytest

from shared.contracts.timeline import Timeline
from shared.participant.errors import Refused
from shared.shop.order import ParkOrder
from tests.integration.order.world import World
from tests.integration.outbox import data_of, published

ACCEPTED = ("order.accepted", 1)
CUSTOMER = {"email": "ada@example.org", "user_id": "ada"}
LINES = [{"sku": "A", "quantity": 2}]


def values(order_id: str) -> dict[str, Any]:
    return {
        "order_id": order_id,
        "idempotency_key": order_id,
        "request_hash": "hash",
        "customer": CUSTOMER,
        "lines": [{"sku": "A", "quantity": 2, "name": "A thing", "price_cents": 50}],
        "total_cents": 100,
        "currency": "EUR",
        "deadline_at": None,
        "placed": {"lines": LINES, "shipping_address": {"country": "GB"}},
        "timeline": Timeline(version=0).model_dump(mode="json"),
    }


def stuck(version: int, run_id: str = "run-1", reason: str = "the refund fails") -> ParkOrder:
    timeline = Timeline(version=version)
    return ParkOrder(timeline=timeline, reason=reason, money_at_risk_cents=100, stuck=(), run_id=run_id)


async def test_an_order_is_published_as_it_is_at_each_change(world: World) -> None:
    """With all that a consumer needs, so that it needn't ask."""
    assert await world.orders.accept(values("order-1"))
    assert not await world.orders.accept({**values("order-2"), "idempotency_key": "order-1"})
    await world.orders.claim("order-1", "run-1")

    await world.complete("order-1")
    await world.complete("order-1")

    assert await published(world.database) == [ACCEPTED, ("order.completed", 2)]
    assert await published(world.database, "order-2") == []
    order = {"order_id": "order-1", "total_cents": 100, "currency": "EUR", "customer": CUSTOMER, "lines": LINES}
    order |= {"country": "GB"}
    assert await data_of(world.database) == [
        {**order, "status": "accepted", "tracking_number": None, "reason": None},
        {**order, "status": "completed", "tracking_number": "TRACK-1", "reason": None},
    ]


@pytest.mark.parametrize("cancelled", [False, True])
async def test_an_undone_order_ends_once(world: World, *, cancelled: bool) -> None:
    """As compensated, or as cancelled if its customer wanted that."""
    order_id = await world.in_progress()
    if cancelled:
        assert await world.orders.request_cancel(order_id)

    await asyncio.gather(*(world.close(order_id) for _ in range(10)))

    end = "order.cancelled" if cancelled else "order.compensated"
    assert await published(world.database, order_id) == [ACCEPTED, (end, 2)]


async def test_of_pivot_and_end_one_is_published(world: World) -> None:
    """In fifty races with a cancel."""
    for _ in range(50):
        order_id = await world.in_progress()
        cancelled, _ = await asyncio.gather(
            world.orders.request_cancel(order_id), world.complete(order_id), return_exceptions=True
        )
        if cancelled is True:
            await world.close(order_id)

        end = "order.cancelled" if cancelled is True else "order.completed"
        assert await published(world.database, order_id) == [ACCEPTED, (end, 2)]


async def test_a_cancel_behind_the_pivot_is_not_told(world: World) -> None:
    """The pivot has the row first."""
    order_id = await world.in_progress()

    await world.in_turn(order_id, lambda: world.completes(order_id), lambda: world.orders.request_cancel(order_id))

    assert await published(world.database, order_id) == [ACCEPTED, ("order.completed", 2)]


async def test_a_pivot_behind_the_cancel_is_not_told(world: World) -> None:
    """The cancel has the row first."""
    order_id = await world.in_progress()

    await world.in_turn(order_id, lambda: world.orders.request_cancel(order_id), lambda: world.completes(order_id))
    await world.close(order_id)

    assert await published(world.database, order_id) == [ACCEPTED, ("order.cancelled", 2)]


async def test_each_parking_is_published_and_no_repeat_of_it(world: World) -> None:
    """An undo that a person has tried again, and that gave up again, needs attention again."""
    order_id = await world.in_progress()

    for version in (3, 3, 5, 5):
        await world.orders.park(order_id, stuck(version))
    await world.orders.show({order_id: Timeline(version=9)})
    await world.orders.park(order_id, stuck(9))
    await world.close(order_id)

    attention = "order.needs_attention"
    ends = [(attention, 2), (attention, 3), (attention, 4), ("order.compensated", 5)]
    assert await published(world.database, order_id) == [ACCEPTED, *ends]


async def test_a_late_repeat_of_an_earlier_parking_changes_nothing(world: World) -> None:
    """The engine repeats an activity whenever it likes, also after the next one: what waits since then stays shown."""
    order_id = await world.in_progress()
    await world.orders.park(order_id, stuck(3, reason="the refund fails"))
    await world.orders.park(order_id, stuck(5, reason="the parcel is on its way"))

    await world.orders.park(order_id, stuck(3, reason="the refund fails"))

    row = await world.orders.by_id(order_id)
    assert row is not None
    assert (row.error, row.parked_version) == ("the parcel is on its way", 5)
    assert await published(world.database, order_id) == [
        ACCEPTED,
        ("order.needs_attention", 2),
        ("order.needs_attention", 3),
    ]


async def test_parkings_side_by_side_are_one(world: World) -> None:
    """Duplicates of an activity run at the same time."""
    order_id = await world.in_progress()

    await asyncio.gather(*(world.orders.park(order_id, stuck(3)) for _ in range(10)))

    assert await published(world.database, order_id) == [ACCEPTED, ("order.needs_attention", 2)]


async def test_a_run_that_lost_the_order_publishes_nothing(world: World) -> None:
    """Neither its pivot, nor its end, nor its parking."""
    order_id = await world.in_progress()
    assert await world.taken_over(order_id)

    with pytest.raises(Refused):
        await world.complete(order_id)
    await world.close(order_id)
    await world.orders.park(order_id, stuck(3))
    assert await published(world.database, order_id) == [ACCEPTED]

    await world.close(order_id, run_id="recovery-1")
    assert await published(world.database, order_id) == [ACCEPTED, ("order.compensated", 2)]
