"""Each rule of conservation is broken by hand in SQL, and seen by its name."""

import asyncio

import pytest

from order_service.conservation.rules import RULES
from tests.integration.conservation.world import BOOKS, audit, execute

BREAKS = {
    "returns_are_of_completed_orders": "UPDATE order_service.orders SET returned_cents = 1 WHERE order_id = 'done'",
    "order_is_paid_once": "DELETE FROM payment_service.ledger_entries WHERE transaction_id = 't3'",
    "gateway_agrees_with_orders": "UPDATE payment_gateway.charges SET refunded_cents = 999 WHERE charge_id = 'c2'",
    "money_is_in_the_orders_currency": "UPDATE payment_gateway.charges SET currency = 'JPY' WHERE charge_id = 'c1'",
    "ledger_agrees_with_gateway": "UPDATE payment_gateway.charges SET refunded_cents = 1 WHERE charge_id = 'c1'",
    "open_order_is_not_overcharged": "INSERT INTO payment_gateway.charges (idempotency_key, charge_id, reference, "
    "status, amount_cents, currency, token, captured_cents) "
    "VALUES ('open:process_payment', 'c3', 'open', 'succeeded', 1001, 'EUR', 'tok_visa', 1001)",
    "money_belongs_to_an_order": "UPDATE payment_gateway.charges SET reference = 'nobody' WHERE charge_id = 'c2'",
    "completed_order_has_its_units": "UPDATE inventory_service.reservation_lines SET quantity = 1 "
    "WHERE reservation_id = 'r1'",
    "undone_order_holds_no_units": "UPDATE inventory_service.reservations SET status = 'active', released_at = NULL "
    "WHERE reservation_id = 'r2'",
    "reservation_belongs_to_an_order": "UPDATE inventory_service.reservations SET saga_id = 'nobody' "
    "WHERE reservation_id = 'r1'",
    "order_ships_once": "UPDATE shipping_service.shipments SET status = 'cancelled', cancelled_at = now() "
    "WHERE shipment_id = 's1'",
    "open_order_ships_at_most_once": "DROP INDEX shipping_service.one_booked_parcel; "
    "INSERT INTO shipping_service.shipments VALUES "
    "('s3', 'open', 'a', 'T3', 'A', 'B', 'C', '1', 'DE', '[]', 'booked', now(), NULL), "
    "('s4', 'open', 'b', 'T4', 'A', 'B', 'C', '1', 'DE', '[]', 'booked', now(), NULL)",
    "closing_by_hand_was_decided": "UPDATE order_service.repairs SET order_id = 'undone' "
    "WHERE repair_id = 'writtenreserve_stock'",
    "decision_was_carried_out": "UPDATE order_service.repairs SET outcome = 'written_off' "
    "WHERE repair_id = 'settledbook_shipment'",
    "held_order_was_approved": "UPDATE order_service.orders SET approval_state = 'waiting' WHERE order_id = 'done'",
    "parcel_belongs_to_an_order": "UPDATE shipping_service.shipments SET saga_id = 'nobody' WHERE shipment_id = 's2'",
}
for books in BOOKS:
    BREAKS |= books.BREAKS


def test_a_healthy_shop_holds_in_the_auditors_own_eyes(healthy: tuple[str, str]) -> None:
    """The read-only role sees all tables; the sums are right."""
    report = asyncio.run(audit(healthy[1]))

    assert report.holds, report.violations
    assert (5, 1) == (report.orders, report.orders_open)
    assert {"EUR": 1000} == report.completed_cents
    assert {"EUR": 2700} == report.ledger_cents == report.gateway_cents
    assert (10, 5, 2) == (report.units_received, report.units_available, report.units_reserved)
    assert 1 == report.parcels_booked
    assert ({"EUR": 700}, {"EUR": 1000}) == (report.settled_by_hand_cents, report.written_off_cents)
    assert (2, 1) == (report.units_settled_by_hand, report.units_written_off)
    assert (1, 1) == (report.parcels_settled_by_hand, report.parcels_written_off)


def test_what_was_closed_by_hand_is_listed_with_who_and_why(healthy: tuple[str, str]) -> None:
    """An exception to the rules for undone orders is never a silent one."""
    listed = asyncio.run(audit(healthy[1])).closed_by_hand

    assert 2 * len(BOOKS) == len(listed)
    settled = next(one for one in listed if (one.order_id, one.step) == ("settled", "process_payment"))
    assert ("settled", 700, "EUR") == (settled.status, settled.amount, settled.unit)
    assert ("ann", "why") == (settled.by, settled.note)


MORE_BREAKS = {
    "the gateway gave back what was settled by hand": (
        "UPDATE payment_gateway.charges SET refunded_cents = 1000 WHERE charge_id = 'c4'",
        "gateway_agrees_with_orders",
    ),
    "the settlement was never booked": (
        "DELETE FROM payment_service.ledger_entries WHERE transaction_id = 't6'",
        "order_is_paid_once",
    ),
    "settled units went back on sale as well": (
        "UPDATE inventory_service.stock SET available = available + 2",
        "stock_adds_up",
    ),
    "a settled reservation was released as well": (
        "UPDATE inventory_service.reservations SET status = 'released', released_at = now() WHERE status = 'settled'",
        "units_by_hand_are_booked",
    ),
    "a written-off parcel is booked again": (
        "UPDATE shipping_service.shipments SET status = 'booked' WHERE shipment_id = 's6'",
        "order_ships_once",
    ),
    "something of a completed order was closed by hand": (
        "UPDATE order_service.orders SET status = 'completed' WHERE order_id = 'settled'",
        "closing_by_hand_was_decided",
    ),
}


@pytest.mark.parametrize("how", MORE_BREAKS)
def test_an_exception_by_hand_excuses_nothing_else(copy: str, how: str) -> None:
    """What a person closed explains exactly its own amount, once."""
    statement, rule = MORE_BREAKS[how]
    asyncio.run(execute(copy, "SET session_replication_role = replica; " + statement))

    report = asyncio.run(audit(copy))

    assert rule in {violation.rule for violation in report.violations}


def test_every_rule_is_broken_here() -> None:
    """A new rule comes with the statement that breaks it."""
    assert {rule.name for rule in RULES} == set(BREAKS)


@pytest.mark.parametrize("rule", BREAKS)
def test_a_broken_rule_is_named(copy: str, rule: str) -> None:
    """The rule is among the violations, with its subject and what was seen."""
    # Triggers of the ledger would turn most of this away, as they should.
    asyncio.run(execute(copy, "SET session_replication_role = replica; " + BREAKS[rule]))

    report = asyncio.run(audit(copy))

    assert not report.holds
    seen = [violation for violation in report.violations if violation.rule == rule]
    assert seen, report.violations
    assert all(violation.subject and violation.detail for violation in seen)
