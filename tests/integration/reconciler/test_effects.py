"""Effects that no living order stands for: each kind is seen, and says what to do."""

import pytest

from order_service.reconciler.findings import MEANINGS, FindingKind
from shared.contracts.timeline import Timeline
from shared.shop.order import CloseOrder, OrderStatus
from tests.integration.reconciler.world import World, by_kind

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
    (found,) = report.findings
    assert all((found.seen, found.why, found.advice, found.first_seen_at))
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

    (finding,) = (await reconciler.report()).findings
    assert (finding.kind, finding.subject) == ("effect_after_end", order_id)
    assert f"process_payment at payment_service is {state}" in finding.seen
    assert "book_shipment" not in finding.seen


async def test_what_a_service_died_of_each_time_is_found_until_it_is_released(world: World) -> None:
    """Also of an order that isn't there; fewer deaths are nobody's concern yet."""
    reconciler = world.reconciler()
    await world.sql("""
        INSERT INTO payment_service.quarantine VALUES ('ord-1', 'process_payment', 'process_payment', 3);
        INSERT INTO order_service.quarantine VALUES ('ord-1', 'order_workflow', 'order_workflow', 4);
        INSERT INTO shipping_service.quarantine VALUES ('ord-2', 'book_shipment', 'book_shipment', 2);
    """)
    await reconciler.sweep()
    report = await reconciler.report()
    await world.sql("DELETE FROM payment_service.quarantine; DELETE FROM order_service.quarantine")
    await reconciler.sweep()

    assert by_kind(report) == {"quarantined": ["ord-1"]}
    assert report.findings[0].seen == (
        "order_workflow at order-service (step order_workflow), which died of it 4 times; "
        "process_payment at payment-service (step process_payment), which died of it 3 times"
    )
    assert "shop repair release" in report.findings[0].advice
    assert by_kind(await reconciler.report(), "resolved") == {"quarantined": ["ord-1"]}


async def test_a_part_of_the_shop_that_was_never_started_has_nothing_quarantined(world: World) -> None:
    await world.sql("DROP TABLE notification_service.quarantine, event_relay.quarantine")

    await world.reconciler().sweep()

    report = await world.reconciler().report()
    assert (report.reconciled, report.skipped) == (True, None)
