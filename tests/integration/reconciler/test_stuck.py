"""Orders that are late or stand still: what is asked, signalled, terminated and recovered, and what is let alone."""

import pytest

from shared.contracts.contract import UNDO_SECONDS
from shared.shop.order import ORDER_STEPS
from shared.workflows.client import PROBE_SIGNAL, Instance, InstanceStatus
from tests.integration.reconciler.world import PATIENT, QUICK, RUNNING, World, by_kind


@pytest.mark.parametrize("status", [InstanceStatus.SUSPENDED, InstanceStatus.STALLED])
async def test_a_paused_workflow_is_reported_and_let_alone(world: World, status: InstanceStatus) -> None:
    """However late it is: somebody paused it, or has to deploy its version."""
    order_id = await world.in_progress(Instance(status), deadline_seconds=-10_000)
    reconciler = world.reconciler()

    await reconciler.sweep()

    assert by_kind(await reconciler.report()) == {"workflow_paused": [order_id]}
    assert (world.workflows.recoveries, world.workflows.terminated) == ([], [])


async def test_a_stuck_order_is_signalled_first(world: World) -> None:
    """Once; most that were forgotten by the scheduler wake up."""
    order_id = await world.in_progress(deadline_seconds=-10_000)
    reconciler = world.reconciler(PATIENT)

    await reconciler.sweep()
    await reconciler.sweep()

    assert world.workflows.raised == [(order_id, PROBE_SIGNAL)]
    assert (world.workflows.recoveries, world.workflows.terminated) == ([], [])


async def test_a_stuck_order_is_terminated_and_recovered_later(world: World) -> None:
    """Also one that was stuck before its workflow's first word."""
    claimed = await world.in_progress(deadline_seconds=-10_000)
    unclaimed = await world.accepted(deadline_seconds=-10_000)
    world.workflows.instances[unclaimed] = RUNNING
    reconciler = world.reconciler(PATIENT)
    await reconciler.sweep()
    await world.sql("UPDATE order_service.findings SET first_seen_at = now() - interval '2 hours'")

    await reconciler.sweep()

    assert {claimed, unclaimed} == set(world.workflows.terminated)
    replaced = {recovery.order.order_id: recovery.replaces for _, recovery in world.workflows.recoveries}
    assert replaced == {claimed: "run-1", unclaimed: None}


async def test_an_order_of_a_version_without_deadlines_can_be_stuck_too(world: World) -> None:
    """Its time counts from its acceptance, and its undos have the patience of their contracts."""
    young, old = await world.in_progress(), await world.in_progress()
    await world.sql(
        "UPDATE order_service.orders SET deadline_at = NULL, placed = placed - 'undo_patience_seconds'",
        "UPDATE order_service.orders SET accepted_at = now() - interval '30 minutes'"
        f" - interval '{UNDO_SECONDS * len(ORDER_STEPS)} seconds' WHERE order_id = '{old}'",
        f"UPDATE order_service.orders SET accepted_at = now() - interval '1 hour' WHERE order_id = '{young}'",
    )

    reconciler = world.reconciler(PATIENT)

    await reconciler.sweep()

    assert by_kind(await reconciler.report()) == {"order_stuck": [old]}


async def test_an_order_within_its_time_is_not_stuck(world: World) -> None:
    """Each of its undos has a patience of its own, one after the other; until then it is only asked, and once."""
    order_id = await world.in_progress(deadline_seconds=-100, patience_seconds=60)
    reconciler = world.reconciler()

    await reconciler.sweep()
    await reconciler.sweep()

    assert by_kind(await reconciler.report()) == {}
    assert world.workflows.raised == [(order_id, PROBE_SIGNAL)]
    assert (world.workflows.recoveries, world.workflows.terminated) == ([], [])


async def test_a_late_order_whose_workflow_takes_no_events_is_recovered(world: World) -> None:
    """Long before the patience of its undos is over: its sidecar has lost a turn, and nothing reaches it any more."""
    order_id = await world.in_progress(deadline_seconds=-100, patience_seconds=60)
    world.workflows.deaf.add(order_id)
    reconciler = world.reconciler(QUICK)

    await reconciler.sweep()
    assert by_kind(await reconciler.report()) == {"order_stuck": [order_id]}
    assert world.workflows.recoveries == []
    await world.sql("UPDATE order_service.findings SET first_seen_at = now() - interval '2 minutes'")
    await reconciler.sweep()

    assert [order_id] == [recovery.order.order_id for _, recovery in world.workflows.recoveries]


async def test_a_late_order_that_answers_again_is_left_to_its_workflow(world: World) -> None:
    """The scheduler was away, and with it the answer."""
    order_id = await world.in_progress(deadline_seconds=-100, patience_seconds=60)
    world.workflows.deaf.add(order_id)
    reconciler = world.reconciler(QUICK)
    await reconciler.sweep()
    await world.sql("UPDATE order_service.findings SET first_seen_at = now() - interval '2 minutes'")

    world.workflows.deaf.clear()
    await reconciler.sweep()

    assert by_kind(await reconciler.report()) == {}
    assert world.workflows.recoveries == []


async def test_an_order_within_its_deadline_is_not_asked(world: World) -> None:
    """Each question is a turn of its workflow."""
    order_id = await world.in_progress(deadline_seconds=100)
    world.workflows.deaf.add(order_id)

    await world.reconciler(QUICK).sweep()

    assert by_kind(await world.reconciler(QUICK).report()) == {}
