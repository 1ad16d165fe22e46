"""Workflows are purged when their orders have long ended, and never while something of them may still run."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from order_service.purges import Purges
from shared.contracts.timeline import StepKind, StepOutcome, StepRecord, Timeline
from shared.shop.order import CloseOrder, OrderStatus
from shared.workflows.client import Instance, InstanceStatus
from shared.workflows.retention import Keep, Retention
from tests.integration.reconciler.world import RUNNING, World

KEEP = Keep(seconds=3600, late_seconds=86_400)
ENDED = Instance(InstanceStatus.COMPLETED)


def retention(world: World, keep: Keep = KEEP) -> Retention:
    return Retention(Purges(world.database), world.workflows, keep)


def ending(outcome: StepOutcome = StepOutcome.DONE, kind: StepKind = StepKind.DO) -> Timeline:
    """A timeline with one step."""
    now = "2026-01-01T00:00:00Z"
    step = StepRecord.model_validate(
        {"name": "pay", "app_id": "p", "kind": kind, "outcome": outcome, "attempts": 1, "started_at": now}
    )
    return Timeline(version=9, steps=(step,))


async def ended(world: World, timeline: Timeline | None = None, *, hours_ago: float = 2) -> str:
    """An order that was undone so long ago, whose workflow the engine still has."""
    order_id = await world.in_progress(ENDED)
    end = CloseOrder(
        timeline=timeline or ending(), status=OrderStatus.COMPENSATED, reason="card declined", run_id="run-1"
    )
    await world.orders.close(order_id, end)
    await world.sql(
        f"UPDATE order_service.orders SET ended_at = now() - interval '{hours_ago} hours' WHERE order_id = '{order_id}'"
    )
    return order_id


async def column(world: World, query: str) -> list[object]:
    async with world.database.connect() as connection:
        return list(await connection.scalars(text(query)))


async def is_purged(world: World, order_id: str) -> bool:
    row = await world.orders.by_id(order_id)
    assert row is not None
    return row.purged_at is not None


async def test_a_finished_workflow_is_purged_once(world: World) -> None:
    """And the order's row keeps all that the API shows."""
    order_id = await ended(world)
    before = await world.orders.by_id(order_id)

    for _ in range(2):
        await retention(world).sweep()

    after = await world.orders.by_id(order_id)
    assert before is not None
    assert after is not None
    assert world.workflows.purged == [order_id]
    shown = ("status", "reason", "error", "timeline", "ended_at", "revision", "idempotency_key", "request_hash")
    assert [getattr(before, name) for name in shown] == [getattr(after, name) for name in shown]


async def test_a_workflow_that_the_engine_has_not_got_counts_as_purged(world: World) -> None:
    """Somebody else has purged it."""
    order_id = await ended(world)
    world.workflows.instances.clear()

    await retention(world).sweep()

    assert await is_purged(world, order_id)


async def test_open_and_young_orders_keep_their_workflows(world: World) -> None:
    await world.in_progress()
    await ended(world, hours_ago=0.5)

    await retention(world).sweep()

    assert world.workflows.purged == []


@pytest.mark.parametrize(("outcome", "kind"), [(StepOutcome.UNKNOWN, StepKind.DO), (StepOutcome.FAILED, StepKind.UNDO)])
async def test_an_order_with_a_step_without_an_answer_waits_longer(
    world: World, outcome: StepOutcome, kind: StepKind
) -> None:
    """Its activity may still run: a purge that races its result leaves a reminder that fires for ever."""
    await ended(world, ending(outcome, kind), hours_ago=23)
    old = await ended(world, ending(outcome, kind), hours_ago=25)

    await retention(world).sweep()

    assert world.workflows.purged == [old]


async def test_late_orders_are_looked_at_once(world: World) -> None:
    """An outage leaves thousands of them: a first look puts them off, and no sweep sees them before they are due."""
    late = [await ended(world, ending(StepOutcome.UNKNOWN)) for _ in range(3)]
    await retention(world).sweep()
    stamps = "SELECT purge_due_at - ended_at FROM order_service.orders"
    assert await column(world, stamps) == [timedelta(seconds=KEEP.late_seconds)] * 3

    # Whoever looked again would find nothing without an answer, and purge.
    await world.sql("UPDATE order_service.orders SET timeline = '{}'")
    await retention(world).sweep()
    assert world.workflows.purged == []

    await world.sql("UPDATE order_service.orders SET purge_due_at = purge_due_at - interval '22 hours'")
    await retention(world).sweep()
    assert sorted(world.workflows.purged) == sorted(late)


async def test_late_orders_hold_up_no_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a batch of them the next one follows at once, and after the last one a pause."""
    monkeypatch.setattr("shared.workflows.retention.BATCH", 2)
    for _ in range(2):
        await ended(world, ending(StepOutcome.UNKNOWN), hours_ago=3)
    order_id = await ended(world)

    assert [await retention(world).sweep() for _ in range(2)] == [True, False]

    assert world.workflows.purged == [order_id]


async def test_an_engine_that_is_away_is_not_asked_without_a_pause(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Full batches follow one another only while they get somewhere."""
    monkeypatch.setattr("shared.workflows.retention.BATCH", 1)
    await ended(world)
    world.workflows.away = True

    assert not await retention(world).sweep()


async def test_recoveries_are_purged_with_their_order_and_late(world: World) -> None:
    """The run before them was lost in the middle of something."""
    young, old = await ended(world), await ended(world, hours_ago=25)
    await world.sql("UPDATE order_service.orders SET recoveries = 2")

    await retention(world).sweep()

    assert not await is_purged(world, young)
    assert world.workflows.purged == [old, f"{old}-recovery-1", f"{old}-recovery-2"]


async def test_a_workflow_that_still_runs_is_terminated_and_purged_late(world: World) -> None:
    """Its order has ended, so that there is nothing left for it to do; but its activities may still answer."""
    order_id = await ended(world)
    world.workflows.instances[order_id] = RUNNING

    await retention(world).sweep()
    await world.sql("UPDATE order_service.orders SET purge_due_at = purge_due_at - interval '23 hours'")
    await retention(world).sweep()

    assert (world.workflows.terminated, world.workflows.purged) == ([order_id], [])
    await world.sql("UPDATE order_service.orders SET purge_due_at = purge_due_at - interval '2 hours'")
    await retention(world).sweep()
    assert world.workflows.purged == [order_id]


async def test_while_the_engine_is_away_nothing_is_lost(world: World) -> None:
    """It is tried again a minute later, and others are not held up meanwhile."""
    order_id = await ended(world)
    world.workflows.away = True
    await retention(world).sweep()
    world.workflows.away = False
    await retention(world).sweep()
    assert not await is_purged(world, order_id)

    await world.sql("UPDATE order_service.orders SET purge_due_at = purge_due_at - interval '2 minutes'")
    await retention(world).sweep()

    assert await is_purged(world, order_id)


async def test_replicas_share_the_work(world: World) -> None:
    """No order is purged by two of them."""
    order_ids = [await ended(world) for _ in range(30)]

    await asyncio.gather(*(retention(world).sweep() for _ in range(4)))

    assert sorted(world.workflows.purged) == sorted(order_ids)


async def test_a_workflow_that_appears_after_the_purge_is_removed(world: World) -> None:
    """A start whose answer came late made a run that found its order claimed; those of other orders are let alone."""
    order_id, other = await ended(world), await ended(world, hours_ago=0.5)
    await retention(world).sweep()
    world.workflows.instances |= {order_id: ENDED, other: ENDED, "not-an-order": ENDED}

    assert await retention(world).sweep_leftovers() == 1

    assert world.workflows.instances.keys() == {other, "not-an-order"}
