"""Orders whose workflow is gone are recovered, once that is sure, by one replica; completed ones are never touched."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from prometheus_client import REGISTRY

from order_service.reconciler.findings import FindingKind
from order_service.reconciler.reconciler import OPEN_FINDINGS, alone
from shared.workflows.client import Instance, InstanceStatus
from tests.integration.reconciler.world import PATIENT, RUNNING, World, by_kind
from tests.waiting import eventually

TERMINAL = [
    Instance(InstanceStatus.TERMINATED),
    Instance(InstanceStatus.COMPLETED),
    Instance(InstanceStatus.FAILED, "NonDeterminismError: a bad deploy"),
]


async def test_a_healthy_shop_is_reconciled(world: World) -> None:
    """Orders on their way and orders that have ended are nothing to report."""
    await world.in_progress()
    await world.complete(await world.in_progress())
    reconciler = world.reconciler()

    await reconciler.sweep()

    report = await reconciler.report()
    assert (report.reconciled, report.findings, report.skipped) == (True, [], None)


async def test_before_the_first_sweep_nothing_is_reconciled(world: World) -> None:
    """Nothing found is no finding while nobody has looked."""
    report = await world.reconciler().report()

    assert not report.reconciled
    assert "no sweep" in str(report.skipped)


async def test_an_order_that_was_never_started(world: World) -> None:
    """With the engine's last word."""
    order_id = await world.accepted()
    await world.orders.start_failed(order_id, "UNAVAILABLE: no sidecar")
    reconciler = world.reconciler()

    await reconciler.sweep()

    (finding,) = (await reconciler.report()).findings
    assert (finding.kind, finding.subject) == ("order_not_started", order_id)
    assert "the engine says: UNAVAILABLE: no sidecar" in finding.seen
    assert world.workflows.recoveries == []


@pytest.mark.parametrize("instance", [None, *TERMINAL], ids=str)
async def test_an_open_order_without_a_living_workflow_is_recovered(world: World, instance: Instance | None) -> None:
    """By a recovery with an id and a run of its own, which replaces the run that was lost."""
    order_id = await world.in_progress(instance)
    reconciler = world.reconciler()

    await reconciler.sweep()

    ((instance_id, recovery),) = world.workflows.recoveries
    assert (instance_id, recovery.replaces) == (f"{order_id}-recovery-1", "run-1")
    assert recovery.order.order_id == order_id
    assert recovery.order.run_id not in {"", "run-1"}
    if instance is not None and instance.error:
        assert instance.error in recovery.reason
    assert by_kind(await reconciler.report()) == {"workflow_gone": [order_id]}


async def test_one_look_is_not_enough(world: World) -> None:
    """A single answer that a workflow is unknown must not take an order from its run."""
    await world.in_progress(None)
    reconciler = world.reconciler(PATIENT)

    await reconciler.sweep()
    await reconciler.sweep()

    assert world.workflows.recoveries == []
    assert (await reconciler.report()).findings[0].action.startswith("It is looked for once more")


async def test_a_workflow_that_is_there_again_resolves_the_finding(world: World) -> None:
    """And the next time it is gone the waiting begins anew."""
    order_id = await world.in_progress(None)
    reconciler = world.reconciler(PATIENT)
    await reconciler.sweep()
    await world.sql("UPDATE order_service.findings SET first_seen_at = now() - interval '2 hours'")
    world.workflows.instances[order_id] = RUNNING
    await reconciler.sweep()
    assert (await reconciler.report()).reconciled

    del world.workflows.instances[order_id]
    await reconciler.sweep()

    assert world.workflows.recoveries == []


@pytest.mark.parametrize("trouble", ["unhealthy", "away"])
async def test_an_engine_in_trouble_decides_nothing(world: World, trouble: str) -> None:
    """Nobody is recovered on the word of a sidecar that isn't well, and the report says what wasn't looked at."""
    await world.in_progress(None)
    world.workflows.away = trouble == "away"
    world.unhealthy = "The sidecar isn't placed yet" if trouble == "unhealthy" else None
    reconciler = world.reconciler()

    await reconciler.sweep()

    report = await reconciler.report()
    assert (world.workflows.recoveries, report.reconciled) == ([], False)
    assert report.skipped


async def test_a_recovery_has_time_to_take_over(world: World) -> None:
    """No second one is started meanwhile, by no replica."""
    await world.in_progress(None)

    await asyncio.gather(*(world.reconciler().sweep() for _ in range(3)))
    await world.reconciler().sweep()

    assert len(world.workflows.recoveries) == 1


async def test_a_recovery_that_is_lost_is_recovered_under_a_new_id(world: World) -> None:
    """Instance ids are never used twice."""
    order_id = await world.in_progress(None)
    reconciler = world.reconciler()
    await reconciler.sweep()
    first = await world.taken_over(order_id)
    await world.sql("UPDATE order_service.orders SET recovery_due_at = now()")

    await reconciler.sweep()

    second, recovery = world.workflows.recoveries[-1]
    assert (first, second) == (f"{order_id}-recovery-1", f"{order_id}-recovery-2")
    assert recovery.replaces == world.workflows.recoveries[0][1].order.run_id


async def test_a_recovery_at_work_is_let_alone(world: World) -> None:
    """Also though the order's deadline is long over: its undos have their patience from the take-over on."""
    order_id = await world.in_progress(None, deadline_seconds=-10_000)
    reconciler = world.reconciler()
    await reconciler.sweep()
    world.workflows.instances[await world.taken_over(order_id)] = RUNNING

    await reconciler.sweep()

    assert (len(world.workflows.recoveries), world.workflows.terminated) == (1, [])
    assert (await reconciler.report()).reconciled


async def test_an_order_whose_workflow_cannot_be_read_is_recovered(world: World) -> None:
    """A read fails now and then while a turn is saved; one that fails for long fails for ever."""
    order_id = await world.in_progress()
    world.workflows.unreadable.add(order_id)
    reconciler = world.reconciler(PATIENT)

    await reconciler.sweep()
    assert by_kind(await reconciler.report()) == {"workflow_gone": [order_id]}
    assert world.workflows.recoveries == []

    await world.sql("UPDATE order_service.findings SET first_seen_at = now() - interval '2 hours'")
    await reconciler.sweep()
    assert [instance_id for instance_id, _ in world.workflows.recoveries] == [f"{order_id}-recovery-1"]


async def test_an_order_that_cannot_be_read_keeps_no_other_from_its_recovery(world: World) -> None:
    """The report says why it can't be recovered itself."""
    broken, sound = await world.in_progress(None), await world.in_progress(None)
    await world.sql(f"UPDATE order_service.orders SET placed = '{{}}' WHERE order_id = '{broken}'")
    reconciler = world.reconciler()

    await reconciler.sweep()

    assert [f"{sound}-recovery-1"] == [instance_id for instance_id, _ in world.workflows.recoveries]
    actions = {one.subject: one.action for one in (await reconciler.report()).findings}
    assert "its row can't be read: order_id: Field required" in actions[broken]


async def test_an_order_that_needs_attention_is_recovered_if_its_workflow_is_gone(world: World) -> None:
    """Nobody would receive the person's decision; but waiting for a person is not being stuck."""
    await world.parked(deadline_seconds=-10_000)
    lost = await world.parked(None, deadline_seconds=-10_000)
    reconciler = world.reconciler()

    await reconciler.sweep()

    assert [instance_id for instance_id, _ in world.workflows.recoveries] == [f"{lost}-recovery-1"]
    assert by_kind(await reconciler.report()) == {"workflow_gone": [lost]}


async def test_a_completed_order_is_never_touched(world: World) -> None:
    """Its workflow may be gone, and should be."""
    await world.complete(await world.in_progress(None))

    await world.reconciler().sweep()

    assert world.workflows.recoveries == []


def _has_been_counted() -> bool:
    """A reconciler counts what is open after each turn, whether it could sweep or not."""
    return REGISTRY.get_sample_value("shop_findings_open", {"kind": FindingKind.WORKFLOW_GONE}) == 0


async def test_one_replica_sweeps_at_a_time(world: World) -> None:
    """And another one goes on when it dies with the lock."""
    await world.in_progress(None)
    async with AsyncExitStack() as other:
        assert await other.enter_async_context(alone(world.database))
        OPEN_FINDINGS.labels(FindingKind.WORKFLOW_GONE).set(-1)
        sweeping = asyncio.create_task(world.reconciler().run())
        try:
            await eventually(_has_been_counted)
            assert world.workflows.recoveries == []
            await other.aclose()
            await eventually(lambda: world.workflows.recoveries)
        finally:
            sweeping.cancel()
            await asyncio.gather(sweeping, return_exceptions=True)
    assert len(world.workflows.recoveries) == 1
