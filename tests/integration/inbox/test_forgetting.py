"""An inbox forgets what is done and old, and nothing else."""

from datetime import timedelta

from sqlalchemy import text

from shared.events.consumer import Answer
from shared.events.inbox import forget_once
from shared.participant.errors import Refused
from tests.integration.inbox.world import World, an_event

A_DAY = timedelta(days=1)


async def _settled_days_ago(world: World, days: int) -> None:
    async with world.database.begin() as tx:
        await tx.execute(
            text("UPDATE inbox SET settled_at = settled_at - make_interval(days => :days)"), {"days": days}
        )


async def test_what_is_done_is_forgotten_in_batches(world: World) -> None:
    """The young ones stay."""
    await world.take(*map(an_event, [1, 2, 3]))
    await _settled_days_ago(world, 2)
    await world.take(an_event(4))

    assert await forget_once(world.database, A_DAY, batch=2) == 3

    assert await world.states() == {"ord-1-4": ("done", 0)}
    assert await forget_once(world.database, A_DAY) == 0


async def test_an_order_goes_on_after_its_events_were_forgotten(world: World) -> None:
    """It may have waited for a person for months."""
    await world.take(*map(an_event, [1, 2]))
    await _settled_days_ago(world, 2)
    await forget_once(world.database, A_DAY)

    assert await world.take(an_event(3)) == [Answer.SUCCESS]

    assert await world.effects() == [1, 2, 3]
    assert world.broker.letters == []


async def test_what_is_dead_or_waits_is_remembered(world: World) -> None:
    """A replay needs to know that its event was dead."""
    world.always["ord-1-1"] = Refused("no")
    await world.take(an_event(1), an_event(3))
    await _settled_days_ago(world, 2)

    assert await forget_once(world.database, A_DAY) == 0

    assert {name: state for name, (state, _) in (await world.states()).items()} == {
        "ord-1-1": "dead",
        "ord-1-3": "open",
    }
