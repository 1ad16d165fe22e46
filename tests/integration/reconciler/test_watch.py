"""What the reconciler's look at open orders does to others who write them, and who may look."""

import asyncio

from sqlalchemy import text

from order_service.reconciler.watch import Patience, Watch
from tests.integration.reconciler.world import World

AT_ONCE = Patience(late_seconds=0, margin_seconds=0, decision_seconds=0)


async def test_an_order_that_is_being_written_is_left_to_the_next_sweep(world: World) -> None:
    """Progress writes many orders in one statement: two who wait for one another's rows would be a deadlock."""
    busy, free = await world.in_progress(), await world.in_progress()
    watch = Watch(world.database)

    async with world.database.begin() as writer:
        await writer.execute(text("SELECT FROM orders WHERE order_id = :id FOR UPDATE"), {"id": busy})
        async with asyncio.timeout(10):
            meanwhile = await watch.due(0, AT_ONCE)
    afterwards = await watch.due(0, AT_ONCE)

    assert [free] == [order.order_id for order in meanwhile]
    assert {busy, free} == {order.order_id for order in afterwards}


async def test_the_session_of_a_host_that_vanished_ends_within_seconds(world: World) -> None:
    """It may hold the lock without which no other replica sweeps."""
    shown = "SELECT current_setting('tcp_keepalives_' || name) FROM unnest(ARRAY['idle', 'interval', 'count']) AS name"
    async with world.database.connect() as connection:
        settings = (await connection.execute(text(shown))).scalars().all()

    assert ["3", "2", "3"] == settings
