"""The auditor reads what its questions need, column by column, and nothing else."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from order_service.conservation.accounts import ACCOUNTS, CLOSED_BY_HAND, OF_ACCOUNTS
from order_service.conservation.check import statement
from order_service.conservation.rules import ALONE, BY_STATUS, NEEDS_ATTENTION, READABLE, SUMS, packed_within
from order_service.reconciler.orphans import CHECKS, FAILED_TASKS, PAGES, START, Orphans, quarantined_in
from shared.database import create_engine
from shared.shop.registry import SHOP

QUESTIONS = (
    statement(OF_ACCOUNTS, {"accounts": ACCOUNTS}),
    *(statement([rule]) for rule in ALONE),
    *(query.replace(":limit", "1") for query in (SUMS, BY_STATUS, NEEDS_ATTENTION, CLOSED_BY_HAND)),
    *(page.text.replace(":at", "now()").replace(":key", "''") for page in PAGES.values()),
    *(check.text.replace(":subjects", "'{}'") for check in CHECKS.values()),
    statement([packed_within(1)]),
    FAILED_TASKS.text,
    READABLE.text.replace(":table", "'tasks'").replace(":schemas", "'{}'"),
    quarantined_in([app.package for app in SHOP.apps if app.has_sidecar]).text,
    # `shop chaos`: see `cli.chaos.run`.
    *(f"SELECT sum(repeats) FROM {app.package}.saga_steps" for app in SHOP.participants),
)
RIGHTS = [
    (app.package, table, column)
    for app in SHOP.apps
    for table, columns in app.auditor_reads.items()
    for column in columns
]


@pytest.fixture
async def superuser(healthy: tuple[str, str]) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(healthy[0])
    yield connection
    await connection.close()


@pytest.fixture
async def auditor(healthy: tuple[str, str]) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(healthy[1])
    yield connection
    await connection.close()


async def test_it_has_the_rights_that_are_written_down(auditor: asyncpg.Connection) -> None:
    """None to whole tables, none to tables to come, none of other services."""
    columns = "SELECT table_schema, table_name, column_name FROM information_schema.column_privileges"
    mine = "WHERE grantee = current_user"

    assert set(RIGHTS) == {tuple(row) for row in await auditor.fetch(f"{columns} {mine} AND privilege_type = 'SELECT'")}
    assert [] == await auditor.fetch(f"{columns} {mine} AND privilege_type <> 'SELECT'")
    assert [] == await auditor.fetch(f"SELECT table_name FROM information_schema.role_table_grants {mine}")
    assert [] == await auditor.fetch("SELECT FROM pg_default_acl WHERE defaclacl::text LIKE '%auditor%'")


@pytest.mark.parametrize(
    "secret",
    [
        "token FROM payment_gateway.charges",
        "customer FROM order_service.orders",
        "placed FROM order_service.orders",
        "note FROM order_service.repairs",
        "line1 FROM shipping_service.shipments",
        "answer FROM payment_service.saga_steps",
        "data FROM order_service.outbox",
        "* FROM notification_service.notifications",
        "* FROM task_orchestrator_service.tasks",
        "* FROM audit_service.audit_records",
        "* FROM inventory_service.products",
    ],
)
async def test_it_reads_no_cards_no_addresses_and_no_other_service(auditor: asyncpg.Connection, secret: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await auditor.fetch(f"SELECT {secret}")


async def test_it_may_ask_all_its_questions(auditor: asyncpg.Connection, healthy: tuple[str, str]) -> None:
    for question in QUESTIONS:
        await auditor.fetch(question)
    database = create_engine(healthy[1], application_name="test", pool_size=1)
    orphans = Orphans(database)

    assert PAGES
    for kind in PAGES:
        assert (await orphans.page(kind, START)).suspects == ()
        assert await orphans.check(kind, ["no order"]) == []

    assert await orphans.quarantined() == []
    await database.dispose()


@pytest.mark.parametrize(("schema", "table", "column"), RIGHTS)
async def test_it_needs_each_of_its_rights(
    superuser: asyncpg.Connection, healthy: tuple[str, str], schema: str, table: str, column: str
) -> None:
    """Without it some question can't be asked."""
    role = f'"{healthy[1].split("//")[1].split(":")[0]}"'
    transaction = superuser.transaction()
    await transaction.start()
    await superuser.execute(f"REVOKE SELECT ({column}) ON {schema}.{table} FROM {role}; SET LOCAL ROLE {role}")

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await superuser.execute("; ".join(f"EXPLAIN {question}" for question in QUESTIONS))

    await transaction.rollback()
