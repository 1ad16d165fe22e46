"""Every kind of finding, by the tables and by what the engine says; what is repaired, and what is never touched."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from prometheus_client import REGISTRY

from order_service.reconciler.findings import MEANINGS, FindingKind
from order_service.reconciler.reconciler import OPEN_FINDINGS, alone
from shared.messages.order import CloseOrder, OrderStatus
from shared.messages.timeline import Timeline
from shared.workflows.engine import Instance, InstanceStatus
from shared.workflows.probe import NUDGE_EVENT
from tests.integration.reconciler.world import PATIENT, QUICK, RUNNING, World, by_kind, eventually

TERMINAL = [
    Instance(InstanceStatus.TERMINATED),
    Instance(InstanceStatus.COMPLETED),
    Instance(InstanceStatus.FAILED, "NonDeterminismError: a bad deploy"),
]
A_RESERVATION = """
    INSERT INTO inventory_service.products VALUES ('MUG', 'Mug', 500, 'EUR', 1);
    INSERT INTO inventory_service.reservations VALUES ('r1', 'stranger', 'reserve_stock', 'active', now(), NULL,
        now() + interval '1 hour');
    INSERT INTO inventory_service.reservation_lines VALUES ('r1', 'MUG', 2);
"""
A_CHARGE = """
    INSERT INTO payment_gateway.charges
        (idempotency_key, charge_id, reference, status, amount_cents, currency, token, captured_cents, refunded_cents)
    VALUES ('stranger:process_payment', 'c1', 'stranger', 'succeeded', 1000, 'EUR', 'tok_visa', 1000, 0)
"""
A_PARCEL = """
    INSERT INTO shipping_service.shipments
    VALUES ('s1', 'stranger', 'book_shipment', 'T1', 'A', 'B', 'C', '1', 'DE', '[]', 'booked', now(), NULL)
"""


def test_every_kind_says_why_it_matters_and_what_to_do() -> None:
    assert MEANINGS.keys() == set(FindingKind)


async def test_a_healthy_shop_is_reconciled(world: World) -> None:
    """Orders on their way and orders that have ended are nothing to report."""
    await world.in_progress()
    await world.complete(await world.in_progress())
    reconciler = world.reconciler()

    await reconciler.sweep()

    report = await reconciler.report()
    assert (report["reconciled"], report["findings"], report["skipped"]) == (True, [], None)


async def test_before_the_first_sweep_nothing_is_reconciled(world: World) -> None:
    """Nothing found is no finding while nobody has looked."""
    report = await world.reconciler().report()

    assert not report["reconciled"]
    assert "no sweep" in report["skipped"]


@pytest.mark.parametrize(
    ("kind", "effect", "repair"),
    [
        (
            "reservation_without_order",
            A_RESERVATION,
            "UPDATE inventory_service.reservations SET status = 'released', released_at = now(), lease_until = NULL",
        ),
        ("charge_without_order", A_CHARGE, "UPDATE payment_gateway.charges SET refunded_cents = captured_cents"),
        (
            "parcel_without_order",
            A_PARCEL,
            "UPDATE shipping_service.shipments SET status = 'cancelled', cancelled_at = now()",
        ),
    ],
)
async def test_an_effect_without_an_order(world: World, kind: str, effect: str, repair: str) -> None:
    """It is found, explained, and resolved once it is gone."""
    reconciler = world.reconciler()
    await world.sql(effect)
    await reconciler.sweep()
    report = await reconciler.report()
    await world.sql(repair)
    await reconciler.sweep()

    assert by_kind(report) == {kind: ["stranger"]}
    assert all(report["findings"][0][name] for name in ("seen", "why", "advice", "first_seen_at"))
    assert by_kind(await reconciler.report(), "resolved") == {kind: ["stranger"]}


@pytest.mark.parametrize("state", ["done", "pending", "undoing"])
async def test_an_effect_of_an_order_that_ended_undone(world: World, state: str) -> None:
    """The fence should have turned it away; refused and undone steps are as they should be."""
    order_id = await world.in_progress()
    timeline = Timeline(version=9)
    end = CloseOrder(timeline=timeline, status=OrderStatus.COMPENSATED, reason="declined", run_id="run-1")
    await world.orders.close(order_id, end)
    await world.sql(
        "INSERT INTO payment_service.saga_steps (saga_id, step, state) "
        f"VALUES ('{order_id}', 'process_payment', '{state}'), ('{order_id}', 'another', 'undone')",
        "INSERT INTO shipping_service.saga_steps (saga_id, step, state) "
        f"VALUES ('{order_id}', 'book_shipment', 'refused')",
    )
    reconciler = world.reconciler()

    await reconciler.sweep()

    (finding,) = (await reconciler.report())["findings"]
    assert (finding["kind"], finding["subject"]) == ("effect_after_end", order_id)
    assert f"process_payment at payment_service is {state}" in finding["seen"]
    assert "book_shipment" not in finding["seen"]


async def test_an_order_that_was_never_started(world: World) -> None:
    """With the engine's last word."""
    order_id = await world.accepted()
    await world.orders.start_failed(order_id, "UNAVAILABLE: no sidecar")
    reconciler = world.reconciler()

    await reconciler.sweep()

    (finding,) = (await reconciler.report())["findings"]
    assert (finding["kind"], finding["subject"]) == ("order_not_started", order_id)
    assert "the engine says: UNAVAILABLE: no sidecar" in finding["seen"]
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
    assert (await reconciler.report())["findings"][0]["action"].startswith("It is looked for once more")


async def test_a_workflow_that_is_there_again_resolves_the_finding(world: World) -> None:
    """And the next time it is gone the waiting begins anew."""
    order_id = await world.in_progress(None)
    reconciler = world.reconciler(PATIENT)
    await reconciler.sweep()
    await world.sql("UPDATE order_service.findings SET first_seen_at = now() - interval '2 hours'")
    world.workflows.instances[order_id] = RUNNING
    await reconciler.sweep()
    assert (await reconciler.report())["reconciled"]

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
    assert (world.workflows.recoveries, report["reconciled"]) == ([], False)
    assert report["skipped"]


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
    assert (await reconciler.report())["reconciled"]


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
    actions = {one["subject"]: one["action"] for one in (await reconciler.report())["findings"]}
    assert "its row can't be read: order_id: Field required" in actions[broken]


async def test_an_order_that_needs_attention_is_recovered_if_its_workflow_is_gone(world: World) -> None:
    """Nobody would hear the person's decision; but waiting for a person is not being stuck."""
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


@pytest.mark.parametrize("status", [InstanceStatus.SUSPENDED, InstanceStatus.STALLED])
async def test_a_paused_workflow_is_reported_and_let_alone(world: World, status: InstanceStatus) -> None:
    """However late it is: somebody paused it, or has to deploy its version."""
    order_id = await world.in_progress(Instance(status), deadline_seconds=-10_000)
    reconciler = world.reconciler()

    await reconciler.sweep()

    assert by_kind(await reconciler.report()) == {"workflow_paused": [order_id]}
    assert (world.workflows.recoveries, world.workflows.terminated) == ([], [])


async def test_a_stuck_order_is_poked_first(world: World) -> None:
    """Once; most that were forgotten by the scheduler wake up."""
    order_id = await world.in_progress(deadline_seconds=-10_000)
    reconciler = world.reconciler(PATIENT)

    await reconciler.sweep()
    await reconciler.sweep()

    assert world.workflows.raised == [(order_id, NUDGE_EVENT)]
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
        f"UPDATE order_service.orders SET accepted_at = now() - interval '2 hours' WHERE order_id = '{old}'",
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
    assert world.workflows.raised == [(order_id, NUDGE_EVENT)]
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


async def test_a_late_order_that_hears_again_is_left_to_its_workflow(world: World) -> None:
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
