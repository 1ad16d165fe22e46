"""Each rule of conservation is broken by hand in SQL, and seen by its name."""

import asyncio
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from devstack.database import bootstrap
from devstack.layout import AUDITOR, SCHEMA_OWNERS, database_layout
from devstack.passwords import load_passwords
from devstack.settings import load_settings
from order_service.conservation.audit import Auditor
from order_service.conservation.rules import RULES
from shared.database import create_engine, migrate

PROJECT = Path(__file__).parents[3]

HEALTHY = """
    INSERT INTO inventory_service.products VALUES ('MUG', 'Mug', 500, 'EUR', 1);
    INSERT INTO inventory_service.stock VALUES ('MUG', 5);
    INSERT INTO inventory_service.stock_receipts (sku, quantity, kind) VALUES ('MUG', 10, 'seed');
    INSERT INTO order_service.orders (order_id, idempotency_key, request_hash, status, customer, lines, total_cents,
            currency, placed, timeline, start_due_at, ended_at)
        SELECT id, id, 'h', status, '{}', '[{"sku": "MUG", "quantity": 2}]', 1000, 'EUR', '{}', '{}', now(),
               CASE WHEN status <> 'in_progress' THEN now() END
        FROM (VALUES ('done', 'completed'), ('undone', 'compensated'), ('open', 'in_progress'),
            ('settled', 'compensated'), ('written', 'cancelled')) AS o (id, status);
    INSERT INTO order_service.repairs (repair_id, order_id, idempotency_key, request_hash, step, decision, decided_by,
            note, status, outcome, detail, due_at, applied_at)
        SELECT o || step, o, o || step, 'h', step, decision, 'ann', 'why', 'applied', outcome, 'how', now(), now()
        FROM (VALUES ('settled', 'settle', 'settled'), ('written', 'skip', 'written_off')) AS d (o, decision, outcome),
             (VALUES ('process_payment'), ('reserve_stock'), ('book_shipment')) AS s (step);
    INSERT INTO inventory_service.reservations VALUES ('r1', 'done', 'reserve_stock', 'active', now(), NULL),
        ('r2', 'undone', 'reserve_stock', 'released', now(), now());
    INSERT INTO inventory_service.reservation_lines VALUES ('r1', 'MUG', 2), ('r2', 'MUG', 2);
    INSERT INTO inventory_service.reservations VALUES
        ('r3', 'settled', 'reserve_stock', 'settled', now(), NULL),
        ('r4', 'written', 'reserve_stock', 'written_off', now(), NULL);
    INSERT INTO inventory_service.reservation_lines VALUES ('r3', 'MUG', 2), ('r4', 'MUG', 1);
    INSERT INTO inventory_service.hand_closings VALUES
        ('settled', 'reserve_stock', 'settledreserve_stock', 'settled', 2, 'units', 'ann', 'why'),
        ('written', 'reserve_stock', 'writtenreserve_stock', 'written_off', 1, 'units', 'ann', 'why');
    INSERT INTO payment_service.ledger_entries
            (transaction_id, saga_id, step, kind, account, amount_cents, currency) VALUES
        ('t1', 'done', 'process_payment', 'charge', 'gateway_clearing', 1000, 'EUR'),
        ('t1', 'done', 'process_payment', 'charge', 'customer_orders', -1000, 'EUR'),
        ('t2', 'undone', 'process_payment', 'charge', 'gateway_clearing', 1000, 'EUR'),
        ('t2', 'undone', 'process_payment', 'charge', 'customer_orders', -1000, 'EUR'),
        ('t3', 'undone', 'process_payment', 'refund', 'gateway_clearing', -1000, 'EUR'),
        ('t3', 'undone', 'process_payment', 'refund', 'customer_orders', 1000, 'EUR'),
        ('t4', 'settled', 'process_payment', 'charge', 'gateway_clearing', 1000, 'EUR'),
        ('t4', 'settled', 'process_payment', 'charge', 'customer_orders', -1000, 'EUR'),
        ('t5', 'settled', 'process_payment', 'refund', 'gateway_clearing', -300, 'EUR'),
        ('t5', 'settled', 'process_payment', 'refund', 'customer_orders', 300, 'EUR'),
        ('t6', 'settled', 'process_payment', 'settlement', 'customer_orders', 700, 'EUR'),
        ('t6', 'settled', 'process_payment', 'settlement', 'settled_by_hand', -700, 'EUR'),
        ('t7', 'written', 'process_payment', 'charge', 'gateway_clearing', 1000, 'EUR'),
        ('t7', 'written', 'process_payment', 'charge', 'customer_orders', -1000, 'EUR'),
        ('t8', 'written', 'process_payment', 'write_off', 'customer_orders', 1000, 'EUR'),
        ('t8', 'written', 'process_payment', 'write_off', 'written_off', -1000, 'EUR');
    INSERT INTO payment_service.hand_closings VALUES
        ('settled', 'process_payment', 'settledprocess_payment', 'settled', 700, 'EUR', 'ann', 'why'),
        ('written', 'process_payment', 'writtenprocess_payment', 'written_off', 1000, 'EUR', 'ann', 'why');
    INSERT INTO payment_gateway.charges
            (idempotency_key, charge_id, reference, status, amount_cents, currency, token, captured_cents,
             refunded_cents) VALUES
        ('done:process_payment', 'c1', 'done', 'succeeded', 1000, 'EUR', 'tok_visa', 1000, 0),
        ('undone:process_payment', 'c2', 'undone', 'succeeded', 1000, 'EUR', 'tok_visa', 1000, 1000),
        ('settled:process_payment', 'c4', 'settled', 'succeeded', 1000, 'EUR', 'tok_visa', 1000, 300),
        ('written:process_payment', 'c5', 'written', 'succeeded', 1000, 'EUR', 'tok_visa', 1000, 0);
    INSERT INTO shipping_service.shipments VALUES
        ('s1', 'done', 'book_shipment', 'T1', 'A', 'B', 'C', '1', 'DE', '[]', 'booked', now(), NULL),
        ('s2', 'undone', 'book_shipment', 'T2', 'A', 'B', 'C', '1', 'DE', '[]', 'cancelled', now(), now()),
        ('s5', 'settled', 'book_shipment', 'T5', 'A', 'B', 'C', '1', 'DE', '[]', 'settled', now(), NULL),
        ('s6', 'written', 'book_shipment', 'T6', 'A', 'B', 'C', '1', 'DE', '[]', 'written_off', now(), NULL);
    INSERT INTO shipping_service.hand_closings VALUES
        ('settled', 'book_shipment', 'settledbook_shipment', 'settled', 1, 'parcels', 'ann', 'why'),
        ('written', 'book_shipment', 'writtenbook_shipment', 'written_off', 1, 'parcels', 'ann', 'why');
"""

BREAKS = {
    "ledger_balances": "UPDATE payment_service.ledger_entries SET amount_cents = -999 "
    "WHERE transaction_id = 't1' AND account = 'customer_orders'",
    "order_is_paid_once": "DELETE FROM payment_service.ledger_entries WHERE transaction_id = 't3'",
    "gateway_agrees_with_orders": "UPDATE payment_gateway.charges SET refunded_cents = 999 WHERE charge_id = 'c2'",
    "ledger_agrees_with_gateway": "UPDATE payment_gateway.charges SET refunded_cents = 1 WHERE charge_id = 'c1'",
    "open_order_is_not_overcharged": "INSERT INTO payment_gateway.charges (idempotency_key, charge_id, reference, "
    "status, amount_cents, currency, token, captured_cents) "
    "VALUES ('open:process_payment', 'c3', 'open', 'succeeded', 1001, 'EUR', 'tok_visa', 1001)",
    "money_belongs_to_an_order": "UPDATE payment_gateway.charges SET reference = 'nobody' WHERE charge_id = 'c2'",
    "stock_adds_up": "UPDATE inventory_service.stock SET available = available + 1",
    "stock_is_never_negative": "ALTER TABLE inventory_service.stock DROP CONSTRAINT stock_is_never_negative; "
    "UPDATE inventory_service.stock SET available = -1",
    "completed_order_has_its_units": "UPDATE inventory_service.reservation_lines SET quantity = 1 "
    "WHERE reservation_id = 'r1'",
    "undone_order_holds_no_units": "UPDATE inventory_service.reservations SET status = 'active', released_at = NULL "
    "WHERE reservation_id = 'r2'",
    "reservation_belongs_to_an_order": "UPDATE inventory_service.reservations SET saga_id = 'nobody' "
    "WHERE reservation_id = 'r1'",
    "order_ships_once": "UPDATE shipping_service.shipments SET status = 'cancelled', cancelled_at = now() "
    "WHERE shipment_id = 's1'",
    "open_order_ships_at_most_once": "INSERT INTO shipping_service.shipments VALUES "
    "('s3', 'open', 'a', 'T3', 'A', 'B', 'C', '1', 'DE', '[]', 'booked', now(), NULL), "
    "('s4', 'open', 'b', 'T4', 'A', 'B', 'C', '1', 'DE', '[]', 'booked', now(), NULL)",
    "money_by_hand_is_booked": "UPDATE payment_service.hand_closings SET amount = 699 WHERE saga_id = 'settled'",
    "units_by_hand_are_booked": "DELETE FROM inventory_service.hand_closings WHERE saga_id = 'written'",
    "parcels_by_hand_are_booked": "UPDATE shipping_service.shipments SET status = 'written_off' "
    "WHERE shipment_id = 's5'",
    "closing_by_hand_was_decided": "UPDATE order_service.repairs SET order_id = 'undone' "
    "WHERE repair_id = 'writtenreserve_stock'",
    "decision_was_carried_out": "UPDATE order_service.repairs SET outcome = 'written_off' "
    "WHERE repair_id = 'settledbook_shipment'",
    "held_order_was_approved": "UPDATE order_service.orders SET approval_state = 'waiting' WHERE order_id = 'done'",
    "parcel_belongs_to_an_order": "UPDATE shipping_service.shipments SET saga_id = 'nobody' WHERE shipment_id = 's2'",
}

_numbers = count(1)


@pytest.fixture(scope="module")
def healthy(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The superuser's URL of a shop with a completed, an undone and an open order, and the auditor's URL."""
    home = tmp_path_factory.mktemp("conservation")
    settings = load_settings(home=home, database_url=f"{postgres_url.rpartition('/')[0]}/conservation")
    layout = database_layout(settings, load_passwords(home))

    async def build() -> None:
        await bootstrap(layout)
        for owner in SCHEMA_OWNERS:
            await migrate(layout.url_of(owner), PROJECT / owner / "migrations")
        await execute(layout.admin_url, HEALTHY)

    asyncio.run(build())
    return layout.admin_url, layout.url_of(AUDITOR)


@pytest.fixture
def copy(healthy: tuple[str, str], postgres_url: str) -> Iterator[str]:
    """A copy of the healthy shop, to be broken."""
    name = f"conservation_copy_{next(_numbers)}"
    asyncio.run(execute(postgres_url, f'CREATE DATABASE "{name}" TEMPLATE conservation'))
    yield f"{healthy[0].rpartition('/')[0]}/{name}"
    asyncio.run(execute(postgres_url, f'DROP DATABASE "{name}" WITH (FORCE)'))


def test_a_healthy_shop_holds_in_the_auditors_own_eyes(healthy: tuple[str, str]) -> None:
    """The read-only role sees all tables; the sums are right."""
    report = asyncio.run(audit(healthy[1]))

    assert report["holds"], report["violations"]
    assert (5, 1) == (report["orders"], report["orders_open"])
    assert 1000 == report["completed_cents"]
    assert 2700 == report["ledger_cents"] == report["gateway_cents"]
    assert (10, 5, 2) == (report["units_received"], report["units_available"], report["units_reserved"])
    assert 1 == report["parcels_booked"]
    assert (700, 1000) == (report["settled_by_hand_cents"], report["written_off_cents"])
    assert (2, 1) == (report["units_settled_by_hand"], report["units_written_off"])
    assert (1, 1) == (report["parcels_settled_by_hand"], report["parcels_written_off"])


def test_what_was_closed_by_hand_is_listed_with_who_and_why(healthy: tuple[str, str]) -> None:
    """An exception to the rules for undone orders is never a silent one."""
    listed = asyncio.run(audit(healthy[1]))["closed_by_hand"]

    assert 6 == len(listed)
    settled = next(one for one in listed if (one["order_id"], one["step"]) == ("settled", "process_payment"))
    assert ("settled", 700, "EUR") == (settled["status"], settled["amount"], settled["unit"])
    assert ("ann", "why") == (settled["by"], settled["note"])
    assert settled["closed_at"].endswith("Z")


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

    assert rule in {violation["rule"] for violation in report["violations"]}


def test_every_rule_is_broken_here() -> None:
    """A new rule comes with the statement that breaks it."""
    assert {rule.name for rule in RULES} == set(BREAKS)


@pytest.mark.parametrize("rule", BREAKS)
def test_a_broken_rule_is_named(copy: str, rule: str) -> None:
    """The rule is among the violations, with its subject and what was seen."""
    # Triggers of the ledger would turn most of this away, as they should.
    asyncio.run(execute(copy, "SET session_replication_role = replica; " + BREAKS[rule]))

    report = asyncio.run(audit(copy))

    assert not report["holds"]
    seen = [violation for violation in report["violations"] if violation["rule"] == rule]
    assert seen, report["violations"]
    assert all(violation["subject"] and violation["detail"] for violation in seen)


async def execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def audit(url: str) -> dict[str, Any]:
    auditor = Auditor(create_engine(url, application_name="test", pool_size=1))
    try:
        return await auditor.report()
    finally:
        await auditor.close()
