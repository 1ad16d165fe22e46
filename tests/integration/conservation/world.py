"""The books of a shop in which everything adds up, and short ways to change and to check them."""

import importlib

import asyncpg

from order_service.conservation.check import ConservationCheck
from shared.database import create_engine
from shared.shop.order import ORDER_STEPS
from shared.shop.registry import SHOP
from shared.shop.reports import ConservationReport

BOOKS = [
    importlib.import_module(f"tests.integration.{app.package.removesuffix('_service')}.books")
    for app in SHOP.participants
]
"""Each participant's, from the folder of its tests."""
ORDERS = """
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
             (VALUES THE_STEPS) AS s (step);
""".replace("THE_STEPS", ", ".join(f"('{step.activity}')" for step in ORDER_STEPS))
HEALTHY = "".join([ORDERS, *(books.HEALTHY for books in BOOKS)])


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
