"""What the conservation check costs, by the number of orders in the books: `make bench-conservation`.

The embedded Postgres, a database as the stack prepares it, and orders by SQL: of ten, eight are completed, one is
compensated, one is open. The check is the order-service's own, as the auditor.
"""

import argparse
import asyncio
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import asyncpg

from cli.output import say
from devstack.postgres.migrations import migrate_all
from devstack.postgres.passwords import AUDITOR, load_passwords
from devstack.postgres.prepare import bootstrap
from devstack.postgres.server import prepare, server_command
from devstack.settings import PROJECT_ROOT, load_settings
from devstack.topology.addresses import free_block
from devstack.topology.layout import DatabaseLayout, database_layout
from order_service.conservation.check import STATEMENT_SECONDS, ConservationCheck
from shared.database import create_engine

START_SECONDS: Final = 30
STOP_SECONDS: Final = 60

BOOKS: Final = """
    INSERT INTO inventory_service.products SELECT 'SKU-' || n, 'Product', 500, 'EUR', n FROM generate_series(1, 50) n;
    INSERT INTO inventory_service.stock_receipts (sku, quantity, kind)
        SELECT sku, 10000000, 'seed' FROM inventory_service.products;
    CREATE TEMP TABLE made AS
        SELECT 'order-' || md5(n::text) AS id, 'SKU-' || 1 + n % 50 AS sku,
               CASE n % 10 WHEN 8 THEN 'compensated' WHEN 9 THEN 'in_progress' ELSE 'completed' END AS status,
               CASE n % 10 WHEN 8 THEN 'undone' ELSE 'done' END AS state
        FROM generate_series(1, {orders}) n;
    INSERT INTO order_service.orders (order_id, idempotency_key, request_hash, status, customer, lines, total_cents,
            currency, placed, timeline, start_due_at, ended_at)
        SELECT id, id, md5(id), status, jsonb_build_object('user_id', id, 'email', id || '@example.com'),
               jsonb_build_array(jsonb_build_object('sku', sku, 'quantity', 2)), 1000, 'EUR',
               jsonb_build_object('order_id', id, 'filler', repeat(md5(id), 20)),
               jsonb_build_object('steps', repeat(md5(id), 40)), now(),
               CASE WHEN status <> 'in_progress' THEN now() END
        FROM made;
    INSERT INTO inventory_service.reservations (reservation_id, saga_id, step, status, released_at)
        SELECT 'r-' || id, id, 'reserve_stock', CASE status WHEN 'compensated' THEN 'released' ELSE 'active' END,
               CASE status WHEN 'compensated' THEN now() END FROM made;
    INSERT INTO inventory_service.reservation_lines SELECT 'r-' || id, sku, 2 FROM made;
    INSERT INTO payment_service.ledger_entries (transaction_id, saga_id, step, kind, account, amount_cents, currency)
        SELECT id || kind, id, 'process_payment', kind, account, amount, 'EUR' FROM made, (VALUES
            ('charge', 'gateway_clearing', 1000), ('charge', 'customer_orders', -1000),
            ('refund', 'gateway_clearing', -1000), ('refund', 'customer_orders', 1000)) e (kind, account, amount)
        WHERE status = 'compensated' OR kind = 'charge';
    INSERT INTO payment_gateway.charges (idempotency_key, charge_id, reference, status, amount_cents, currency, token,
            captured_cents, refunded_cents)
        SELECT id || ':process_payment', 'ch-' || id, id, 'succeeded', 1000, 'EUR', 'tok_visa', 1000,
               CASE status WHEN 'compensated' THEN 1000 ELSE 0 END FROM made;
    INSERT INTO shipping_service.shipments (shipment_id, saga_id, step, tracking_number, name, line1, city, postal_code,
            country, lines, status, cancelled_at)
        SELECT 's-' || id, id, 'book_shipment', 'T-' || id, 'Ann', 'Road 1', 'Town', '12345', 'DE', '[]',
               CASE status WHEN 'compensated' THEN 'cancelled' ELSE 'booked' END,
               CASE status WHEN 'compensated' THEN now() END
        FROM made WHERE status <> 'in_progress';
    INSERT INTO inventory_service.saga_steps (saga_id, step, state) SELECT id, 'reserve_stock', state FROM made;
    INSERT INTO payment_service.saga_steps (saga_id, step, state) SELECT id, 'process_payment', state FROM made;
    INSERT INTO shipping_service.saga_steps (saga_id, step, state) SELECT id, 'book_shipment', state FROM made;
    INSERT INTO inventory_service.stock
        SELECT sku, 10000000 - coalesce(sum(l.quantity) FILTER (WHERE r.status = 'active'), 0)
        FROM inventory_service.products LEFT JOIN inventory_service.reservation_lines l USING (sku)
        LEFT JOIN inventory_service.reservations r USING (reservation_id) GROUP BY sku;
"""


@contextmanager
def server(home: Path) -> Iterator[DatabaseLayout]:
    """An embedded Postgres with the stack's own settings, which is gone after the block."""
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    settings = load_settings(home=home, base_port=free_block(2), database_url=None)
    data, privileges = prepare(home)
    command = server_command(data, settings.base_port + 1, privileges)
    with (home / "postgres.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/", start_new_session=True)  # noqa: S603 - ours
    try:
        yield database_layout(settings, load_passwords(load_settings(home=home)))
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(STOP_SECONDS)
        shutil.rmtree(home, ignore_errors=True)


async def fill(layout: DatabaseLayout, orders: int) -> None:
    """Prepare the database as the stack does, and write the orders' books."""
    await bootstrap(layout)
    await migrate_all(layout)
    admin = await asyncpg.connect(layout.admin_url)
    try:
        # Past the triggers that look at each row: what is written here adds up.
        await admin.execute("SET session_replication_role = replica")
        await admin.execute(BOOKS.format(orders=orders))
        await admin.execute("VACUUM ANALYZE")
    finally:
        await admin.close()


async def measure(layout: DatabaseLayout, times: int) -> None:
    """Say how long the check takes, each time anew."""
    auditor = ConservationCheck(
        create_engine(layout.url_of(AUDITOR), application_name="bench", statement_seconds=STATEMENT_SECONDS)
    )
    try:
        for _ in range(times):
            began = time.monotonic()
            report = await auditor.report()
            seconds = time.monotonic() - began
            holds = "holds" if report.holds else "does NOT hold"
            say(f"{report.orders} orders: {seconds:.2f} s, conservation {holds}")
    finally:
        await auditor.close()


async def run(layout: DatabaseLayout, orders: int, times: int) -> None:
    """Fill and measure."""
    await _answers(layout)
    await fill(layout, orders)
    await measure(layout, times)


async def _answers(layout: DatabaseLayout) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            await (await asyncpg.connect(layout.url_of_database("postgres"))).close()
        except (OSError, asyncpg.CannotConnectNowError):
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.1)
        else:
            return


def main() -> None:
    """Measure on a database of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=100_000)
    parser.add_argument("--times", type=int, default=3)
    options = parser.parse_args()
    with server(PROJECT_ROOT / ".shop" / "bench" / "conservation") as layout:
        asyncio.run(run(layout, options.orders, options.times))


if __name__ == "__main__":
    main()
