"""The pivot is one conditional statement on the order's row: of all who want to decide the order, one does."""

import asyncio
from collections import Counter

import pytest

from shared.participant.errors import Refused
from shared.shop.order import OrderStatus
from tests.integration.order.world import World

TRIES = 100


async def test_an_order_in_progress_is_completed_once(world: World) -> None:
    """Repeats of the pivot change nothing and don't fail: its first reply may have been lost."""
    order_id = await world.in_progress()

    await world.complete(order_id)
    first = await world.orders.by_id(order_id)
    await world.complete(order_id)

    assert first == await world.orders.by_id(order_id)
    assert await world.status(order_id) == "completed"


async def test_a_cancel_before_the_pivot_wins(world: World) -> None:
    """The pivot is refused with the reason, and the order ends as cancelled."""
    order_id = await world.in_progress()
    assert await world.orders.request_cancel(order_id)

    with pytest.raises(Refused, match="the customer cancelled the order"):
        await world.complete(order_id)

    assert await world.close(order_id) is OrderStatus.CANCELLED


async def test_a_cancel_after_the_pivot_is_refused(world: World) -> None:
    """And leaves no trace."""
    order_id = await world.in_progress()
    await world.complete(order_id)
    before = await world.orders.by_id(order_id)

    assert not await world.orders.request_cancel(order_id)

    assert before == await world.orders.by_id(order_id)


async def test_cancel_and_pivot_at_the_same_moment_have_one_winner(world: World) -> None:
    """In a hundred races it is always either completed or cancelled, never both and never neither."""
    order_ids = [await world.in_progress() for _ in range(TRIES)]

    async def race(order_id: str) -> tuple[bool, bool]:
        won, lost = await asyncio.gather(world.completes(order_id), world.orders.request_cancel(order_id))
        return won, lost

    outcomes = Counter([outcome for order_id in order_ids for outcome in [await race(order_id)]])

    assert set(outcomes) <= {(True, False), (False, True)}
    assert outcomes.total() == TRIES


async def test_the_pivot_wins_if_it_takes_the_row_first(world: World) -> None:
    """The cancel that waited behind it is refused."""
    order_id = await world.in_progress()

    won, cancelled = await world.in_turn(
        order_id, lambda: world.completes(order_id), lambda: world.orders.request_cancel(order_id)
    )

    assert (won, cancelled) == (True, False)
    assert await world.status(order_id) == "completed"


async def test_the_cancel_wins_if_it_takes_the_row_first(world: World) -> None:
    """The pivot that waited behind it is refused, though the order was open when it came."""
    order_id = await world.in_progress()

    cancelled, won = await world.in_turn(
        order_id, lambda: world.orders.request_cancel(order_id), lambda: world.completes(order_id)
    )

    assert (won, cancelled) == (False, True)
    assert await world.close(order_id) is OrderStatus.CANCELLED


async def test_the_pivot_is_refused_after_the_deadline(world: World) -> None:
    """By the database's clock, in the statement that would complete it."""
    order_id = await world.in_progress(deadline_seconds=-1)

    with pytest.raises(Refused, match="not finished by its deadline"):
        await world.complete(order_id)

    assert await world.status(order_id) == "in_progress"


async def test_only_the_run_that_owns_the_order_completes_it(world: World) -> None:
    """A run that was replaced can't complete an order that its successor undoes."""
    order_id = await world.in_progress()

    with pytest.raises(Refused, match="another run"):
        await world.complete(order_id, "run-2")

    assert await world.status(order_id) == "in_progress"


async def test_an_order_that_ended_stays_as_it_is(world: World) -> None:
    """Neither a late pivot nor another end changes it."""
    order_id = await world.in_progress()
    await world.close(order_id)

    with pytest.raises(Refused, match="compensated already"):
        await world.complete(order_id)
    assert await world.close(order_id, "something else") is OrderStatus.COMPENSATED

    row = await world.orders.by_id(order_id)
    assert row is not None
    assert row.error == "card declined"


async def test_a_claim_reports_an_earlier_cancel(world: World) -> None:
    """So that the saga of an order that was cancelled before it began needn't begin."""
    order_id = await world.accepted()
    assert await world.orders.request_cancel(order_id)

    claim = await world.orders.claim(order_id, "run-1")

    assert (claim.claimed, claim.cancelled) == (True, True)


async def test_an_order_has_one_owner(world: World) -> None:
    """Of many runs that claim it at once one gets it, and only that one again."""
    order_id = await world.accepted()

    claims = await asyncio.gather(*(world.orders.claim(order_id, f"run-{number}") for number in range(20)))
    winner = [claim.claimed for claim in claims].index(True)
    again = await world.orders.claim(order_id, f"run-{winner}")

    assert sum(claim.claimed for claim in claims) == 1
    assert again.claimed


async def test_an_order_whose_time_is_up_is_never_completed(world: World) -> None:
    """An injected refusal lasts, as a real one does: no duplicate of the pivot completes an order that is undone."""
    order_id = await world.in_progress()
    await world.orders.end_time(order_id)

    for _ in range(2):
        with pytest.raises(Refused, match="deadline"):
            await world.complete(order_id)

    assert await world.close(order_id) is OrderStatus.COMPENSATED


async def test_a_refusal_after_the_pivot_is_no_refusal(world: World) -> None:
    """The order is completed, and a repeat of the pivot says so."""
    order_id = await world.in_progress()
    await world.complete(order_id)
    await world.orders.end_time(order_id)

    await world.complete(order_id)

    assert await world.status(order_id) == "completed"
