"""The audit reads tables of any size, a page at a time, and what it can't read stops nothing else."""

from dataclasses import replace
from datetime import datetime

import pytest

from order_service.reconciler.findings import FindingKind
from order_service.reconciler.orphans import PAGE, Cursors, Orphans
from shared.contracts.timeline import Timeline
from shared.shop.order import CloseOrder, OrderStatus
from tests.integration.reconciler.world import AT_ONCE, World, by_kind

MANY = PAGE + 500

CHARGES = """
    INSERT INTO payment_gateway.charges (idempotency_key, charge_id, reference, status, amount_cents, currency, token,
        captured_cents, refunded_cents, created_at)
    SELECT n, n, n, 'succeeded', 1000, 'EUR', 'tok_visa', 1000, {refunded}, now() - {age} * interval '1 second'
    FROM (SELECT '{name}-' || i AS n, i FROM generate_series(1, {count}) i) AS numbered
"""


def charges(name: str, *, count: int = 1, seconds_ago: str = "0", refunded: int = 0) -> str:
    """Statements that charge for orders which don't exist; `i` numbers the charges in `seconds_ago`."""
    return CHARGES.format(name=name, count=count, age=f"({seconds_ago})", refunded=refunded)


async def open_findings(world: World, kind: FindingKind) -> int:
    query = f"SELECT count(*) FROM order_service.findings WHERE kind = '{kind}' AND resolved_at IS NULL"
    number = await world.sql_value(query)
    assert isinstance(number, int)
    return number


async def ended_undone(world: World, count: int) -> None:
    """Orders `old-1`, `old-2`, … that ended undone a day ago, one after the other."""
    order_id = await world.in_progress()
    end = CloseOrder(timeline=Timeline(version=9), status=OrderStatus.COMPENSATED, reason="declined", run_id="run-1")
    await world.orders.close(order_id, end)
    await world.sql(f"""
        INSERT INTO order_service.orders SELECT (jsonb_populate_record(o, jsonb_build_object('order_id', 'old-' || i,
            'idempotency_key', 'old-' || i, 'ended_at', now() - interval '1 day' + i * interval '1 second'))).*
        FROM order_service.orders o, generate_series(1, {count}) i WHERE o.order_id = '{order_id}'
    """)


async def effect(world: World, order_id: str) -> None:
    await world.sql(
        "INSERT INTO payment_service.saga_steps (saga_id, step, state) "
        f"VALUES ('{order_id}', 'process_payment', 'done')"
    )


async def test_more_orphans_than_a_page_are_all_found(world: World) -> None:
    """And none is called resolved while it is there."""
    await world.sql(charges("stranger", count=MANY))
    reconciler = world.reconciler()

    for _ in range(2):
        await reconciler.sweep()
        assert await open_findings(world, FindingKind.CHARGE_WITHOUT_ORDER) == MANY

    await world.sql(
        "UPDATE payment_gateway.charges SET refunded_cents = captured_cents WHERE reference <> 'stranger-7'"
    )
    await reconciler.sweep()
    assert by_kind(await reconciler.report()) == {"charge_without_order": ["stranger-7"]}


async def test_an_audit_that_runs_out_of_time_goes_on_next_time(world: World) -> None:
    """And says so: what wasn't looked at isn't reconciled."""
    await world.sql(charges("refunded", count=MANY, seconds_ago="9000 - i", refunded=1000), charges("stranger"))
    reconciler = world.reconciler(orphans=Orphans(world.auditor_database, walk_seconds=0))

    await reconciler.sweep()
    half = await reconciler.report()
    await reconciler.sweep()
    whole = await reconciler.report()

    assert (half.reconciled, by_kind(half)) == (False, {})
    assert "The look for charge_without_order has not come to the end" in str(half.skipped)
    assert (whole.skipped, by_kind(whole)) == (None, {"charge_without_order": ["stranger-1"]})


@pytest.mark.parametrize("trouble", ["broken", "slow"])
async def test_a_failing_audit_stops_nothing_else(world: World, trouble: str) -> None:
    """Lost workflows are recovered, the other kinds are looked for, and the report says what could not be read."""
    lost = await world.in_progress(None)
    await world.sql(
        "INSERT INTO shipping_service.shipments "
        "VALUES ('s', 'stranger', 'book_shipment', 'T', 'A', 'B', 'C', '1', 'DE', '[]', 'booked', now(), NULL)"
    )
    reconciler = world.reconciler(orphans=Orphans(world.auditor_database, statement_seconds=0.2))
    if trouble == "broken":
        await world.sql("ALTER TABLE payment_gateway.charges RENAME TO away")
        await reconciler.sweep()
    else:
        async with world.holding("LOCK TABLE payment_gateway.charges"):
            await reconciler.sweep()

    report = await reconciler.report()
    assert [f"{lost}-recovery-1"] == [instance_id for instance_id, _ in world.workflows.recoveries]
    assert by_kind(report) == {"workflow_gone": [lost], "parcel_without_order": ["stranger"]}
    assert "The look for charge_without_order failed" in str(report.skipped)
    assert "SELECT" not in str(report.skipped)


async def test_what_the_last_audit_saw_stays_said_until_the_next(world: World) -> None:
    """Sweeps in between know nothing of it; and an audit that failed isn't due at once, on any replica."""
    await world.sql("ALTER TABLE payment_gateway.charges RENAME TO away")
    seldom = replace(AT_ONCE, scan_seconds=3600)
    await world.reconciler(seldom).sweep()
    await world.sql("ALTER TABLE payment_gateway.away RENAME TO charges", charges("stranger"))

    await world.reconciler(seldom).sweep()

    report = await world.reconciler(seldom).report()
    assert by_kind(report) == {}
    assert "charge_without_order failed" in str(report.skipped)


async def test_without_audits_nothing_is_reconciled(world: World) -> None:
    """However many sweeps there were."""
    reconciler = world.reconciler()
    await reconciler.sweep()
    await world.sql("UPDATE order_service.reconciler SET audited_at = now() - interval '1 day'")

    report = await reconciler.report()

    assert not report.reconciled
    assert "no scan" in str(report.skipped)


async def test_a_charge_that_commits_late_is_found(world: World) -> None:
    """Its moment is when its transaction began: younger charges were looked at by then, and older ones only once."""
    await world.sql(charges("old", seconds_ago="600"), charges("young"))
    reconciler = world.reconciler()
    await reconciler.sweep()
    read_once = await world.sql_value("SELECT created_at FROM payment_gateway.charges WHERE reference = 'old-1'")
    place = await Cursors(world.database).of(FindingKind.CHARGE_WITHOUT_ORDER)

    await world.sql(charges("late", seconds_ago="60"))
    await reconciler.sweep()

    assert isinstance(read_once, datetime)
    assert (read_once, "old-1") == (place.at, place.key)
    assert {"old-1", "young-1", "late-1"} == set(by_kind(await reconciler.report())["charge_without_order"])


async def test_orders_that_ended_long_ago_are_looked_at_in_turn(world: World) -> None:
    """A page at each audit, and from the start again; what is open is looked at by every audit."""
    await ended_undone(world, MANY)
    await effect(world, f"old-{PAGE + 1}")
    reconciler = world.reconciler()
    await reconciler.sweep()
    assert by_kind(await reconciler.report()) == {}
    await reconciler.sweep()
    assert by_kind(await reconciler.report()) == {"effect_after_end": [f"old-{PAGE + 1}"]}

    await effect(world, "old-1")
    await world.sql(f"UPDATE payment_service.saga_steps SET state = 'undone' WHERE saga_id = 'old-{PAGE + 1}'")
    await reconciler.sweep()

    assert by_kind(await reconciler.report()) == {"effect_after_end": ["old-1"]}
