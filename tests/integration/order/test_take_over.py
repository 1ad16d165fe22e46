"""A recovery takes an order over: from then on the lost run, should it only have been slow, changes nothing."""

import asyncio

import pytest

from shared.contracts.timeline import Timeline
from shared.participant.errors import Refused
from shared.shop.order import OrderStatus, ParkOrder
from tests.integration.order.world import TIMELINE, World

TRIES = 100


async def test_the_lost_run_can_neither_complete_nor_close_nor_park(world: World) -> None:
    """Each of its records is refused or has no effect, and says that another run owns the order."""
    order_id = await world.in_progress()
    assert await world.taken_over(order_id)
    before = await world.orders.by_id(order_id)

    with pytest.raises(Refused, match="another run of the workflow took the order over"):
        await world.complete(order_id)
    closed = await world.recorded_end(order_id, "card declined", run_id="run-1")
    park = ParkOrder(timeline=TIMELINE, reason="stuck", money_at_risk_cents=100, run_id="run-1")
    parked = await world.orders.park(order_id, park)

    assert before == await world.orders.by_id(order_id)
    assert (closed.owned, parked.owned) == (False, False)


async def test_what_the_lost_run_still_shows_is_older(world: World) -> None:
    """Its progress never covers that of the recovery."""
    order_id = await world.in_progress()
    await world.taken_over(order_id)
    before = await world.orders.by_id(order_id)

    await world.orders.show({order_id: Timeline(version=900)})

    assert before == await world.orders.by_id(order_id)


async def test_the_recovery_closes_what_it_owns(world: World) -> None:
    """As any other run does."""
    order_id = await world.in_progress()
    await world.taken_over(order_id)

    end = await world.recorded_end(order_id, "its workflow was lost", run_id="recovery-1")

    assert (end.status, end.owned) == (OrderStatus.COMPENSATED, True)


async def test_a_cancelled_order_ends_as_cancelled(world: World) -> None:
    """Whatever lost its workflow: the customer's word counts."""
    order_id = await world.in_progress()
    await world.taken_over(order_id)
    assert await world.orders.request_cancel(order_id)

    assert await world.close(order_id, run_id="recovery-1") is OrderStatus.CANCELLED


async def test_an_order_past_its_pivot_is_never_taken_over(world: World) -> None:
    """Nothing of a completed order is undone."""
    order_id = await world.in_progress()
    await world.complete(order_id)

    assert not await world.taken_over(order_id)
    assert await world.status(order_id) == "completed"


async def test_only_the_run_that_was_found_lost_is_replaced(world: World) -> None:
    """Of two recoveries that were started for the same run one gets the order; the same one again, harmlessly."""
    order_id = await world.in_progress()

    assert await world.taken_over(order_id, run_id="recovery-1")
    first = await world.orders.by_id(order_id)
    assert not await world.taken_over(order_id, run_id="recovery-2")
    assert await world.taken_over(order_id, run_id="recovery-1")

    again = await world.orders.by_id(order_id)
    assert first is not None
    assert again is not None
    assert (first.timeline_version, first.taken_over_at) == (again.timeline_version, again.taken_over_at)


async def test_an_order_that_no_run_has_claimed_can_be_taken_over(world: World) -> None:
    """Its workflow is stuck before its first word; should it wake up, it finds the order claimed."""
    order_id = await world.accepted()

    assert await world.taken_over(order_id, replaces=None)

    assert not (await world.orders.claim(order_id, "run-1")).claimed
    assert await world.status(order_id) == "in_progress"


async def test_pivot_and_take_over_at_the_same_moment_have_one_winner(world: World) -> None:
    """In a hundred races the order is completed or taken over, never both and never neither."""
    order_ids = [await world.in_progress() for _ in range(TRIES)]

    outcomes = [await asyncio.gather(world.completes(one), world.taken_over(one)) for one in order_ids]

    assert {(True, False), (False, True)} >= {(won, taken) for won, taken in outcomes}


async def test_the_pivot_wins_if_it_takes_the_row_first(world: World) -> None:
    """The recovery that waited behind it finds nothing to undo."""
    order_id = await world.in_progress()

    won, taken = await world.in_turn(order_id, lambda: world.completes(order_id), lambda: world.taken_over(order_id))

    assert (won, taken) == (True, False)
    assert await world.status(order_id) == "completed"


async def test_the_recovery_wins_if_it_takes_the_row_first(world: World) -> None:
    """The pivot of the lost run that waited behind it is refused."""
    order_id = await world.in_progress()

    taken, won = await world.in_turn(order_id, lambda: world.taken_over(order_id), lambda: world.completes(order_id))

    assert (won, taken) == (False, True)
    assert await world.status(order_id) == "in_progress"
