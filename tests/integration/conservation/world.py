"""The books of a shop in which everything adds up, and short ways to change and to check them."""

import asyncpg

from order_service.conservation.check import ConservationCheck
from shared.database import create_engine
from shared.shop.reports import ConservationReport

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


async def execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def audit(url: str) -> ConservationReport:
    check = ConservationCheck(create_engine(url, application_name="test", pool_size=1))
    try:
        return await check.report()
    finally:
        await check.close()
