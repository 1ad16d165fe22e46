"""A cancel that its workflow wasn't sent is found by a sweep, of one process at a time."""

import asyncio

from sqlalchemy import text

from tests.integration.order.world import World


async def cancelled(world: World) -> str:
    """An order whose workflow runs, and whose customer has just cancelled."""
    order_id = await world.in_progress()
    assert await world.orders.request_cancel(order_id)
    return order_id


async def let_leases_end(world: World) -> None:
    async with world.database.begin() as tx:
        await tx.execute(text("UPDATE orders SET cancel_due_at = now()"))


async def test_who_took_the_cancel_has_time_to_send_it(world: World) -> None:
    """No sweep comes with it before; one that died in between leaves it to the next."""
    order_id = await cancelled(world)
    assert [] == await world.orders.lease_cancels(10)

    await let_leases_end(world)

    assert [order_id] == await world.orders.lease_cancels(10)
    assert [] == await world.orders.lease_cancels(10)


async def test_replicas_that_sweep_at_once_share_the_cancels(world: World) -> None:
    """Each cancel goes to one of them."""
    order_ids = [await cancelled(world) for _ in range(5)]
    await let_leases_end(world)

    leased = await asyncio.gather(*(world.orders.lease_cancels(2) for _ in range(4)))

    found = [order_id for one in leased for order_id in one]
    assert sorted(found) == sorted(set(found))
    assert set(found) | set(await world.orders.lease_cancels(10)) == set(order_ids)


async def test_a_cancel_that_was_sent_is_not_sent_again(world: World) -> None:
    """The workflow knows."""
    order_id = await cancelled(world)
    await world.orders.cancel_sent(order_id)
    await let_leases_end(world)

    assert [] == await world.orders.lease_cancels(10)
