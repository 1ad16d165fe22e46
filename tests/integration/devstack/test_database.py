"""Who may see what, on the embedded server and on a user's own."""

import asyncio
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import asyncpg
import pytest

from devstack.errors import BootstrapError
from devstack.postgres.passwords import AUDITOR, DAPR, load_passwords
from devstack.postgres.prepare import bootstrap
from devstack.settings import load_settings, port_block_size
from devstack.topology.addresses import free_block
from devstack.topology.layout import DatabaseLayout, database_layout
from shared.migrations import MIGRATION_LOCK
from shared.shop.registry import SHOP
from tests import waiting
from tests.integration.devstack.harness import eventually, postgres_command, running
from tests.unit.devstack import small_registry

pytestmark = pytest.mark.integration

numbers = count(1)


@pytest.fixture(scope="module")
def embedded(module_home: Path) -> Iterator[DatabaseLayout]:
    """The embedded server, started as the supervisor starts it."""
    settings = load_settings(home=module_home, base_port=free_block(port_block_size(SHOP)), database_url=None)
    layout = database_layout(settings, load_passwords(load_settings(home=module_home)))
    with running(postgres_command(module_home, settings.base_port + 1), {}, module_home / "postgres.log"):
        eventually(lambda: answers(layout.url_of_database("postgres")), "the embedded server answers")
        yield layout


@pytest.fixture(params=["embedded", "user's superuser", "user's ordinary role"])
def layout(request: pytest.FixtureRequest, home: Path, postgres_url: str) -> DatabaseLayout:
    """A server as the stack may find it."""
    if request.param == "embedded":
        found: DatabaseLayout = request.getfixturevalue("embedded")
        return found
    return a_users_layout(home, postgres_url, ordinary="ordinary" in request.param)


@pytest.fixture
def ordinary(home: Path, postgres_url: str) -> DatabaseLayout:
    """A user's server, and a role on it that is no superuser."""
    return a_users_layout(home, postgres_url, ordinary=True)


def a_users_layout(home: Path, postgres_url: str, *, ordinary: bool) -> DatabaseLayout:
    """A database that doesn't exist yet, on a server that isn't ours."""
    number = next(numbers)
    url = postgres_url
    if ordinary:
        rights = f"CREATE ROLE ordinary_{number} LOGIN CREATEROLE CREATEDB PASSWORD 'pass:word/1'"
        asyncio.run(execute(postgres_url, rights))
        url = url.replace(url[len("postgresql://") : url.rindex("@")], f"ordinary_{number}:pass%3Aword%2F1")
    settings = load_settings(home=home, database_url=f"{url.rpartition('/')[0]}/webshop_{number}")
    return database_layout(settings, load_passwords(load_settings(home=home)))


def answers(url: str) -> bool:
    try:
        asyncio.run(execute(url, "SELECT 1"))
    except (OSError, asyncpg.PostgresError):
        return False
    return True


async def execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def fetch(url: str, query: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def prepared(layout: DatabaseLayout) -> DatabaseLayout:
    """The server after the bootstrap, with a table in each schema."""
    await bootstrap(layout)
    for owner in SHOP.schemas:
        await execute(
            layout.url_of(owner),
            "CREATE TABLE IF NOT EXISTS things (id int)",
            "INSERT INTO things SELECT 1 WHERE NOT EXISTS (SELECT FROM things)",
        )
    return layout


async def test_a_system_of_other_apps_is_prepared(tmp_path: Path, postgres_url: str) -> None:
    """It has no audit, and nothing that an auditor reads."""
    name = f"{postgres_url.rpartition('/')[0]}/flights_{next(numbers)}"
    settings = load_settings(home=tmp_path, database_url=name, registry_name=small_registry.NAME)
    layout = database_layout(settings, load_passwords(settings))

    await bootstrap(layout)

    assert "flight_service" == await fetch(layout.url_of("flight_service"), "SELECT current_schema()")


async def test_each_service_works_in_its_own_schema(layout: DatabaseLayout) -> None:
    """Names need no schema, and tables end up in the service's own."""
    await prepared(layout)

    for owner in SHOP.schemas:
        url = layout.url_of(owner)
        assert await fetch(url, "SELECT current_schema()") == owner
        assert await fetch(url, "SELECT tableowner FROM pg_tables WHERE tablename = 'things' LIMIT 1")
        assert await fetch(url, "SELECT count(*) FROM things") == 1


async def test_no_service_sees_another_ones_data(layout: DatabaseLayout) -> None:
    """Not to read, not to write, and not the state store either."""
    await prepared(layout)

    for owner in SHOP.schemas:
        for other in set(SHOP.schemas) - {owner}:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await fetch(layout.url_of(owner), f"SELECT count(*) FROM {other}.things")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await execute(layout.url_of(owner), f"SET ROLE {layout.role(other)}")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await execute(layout.url_of(owner), "CREATE TABLE public.things (id int)")
        state_store = layout.url_of(DAPR).replace(
            layout.url_of(DAPR).split("@", 1)[0], layout.url_of(owner).split("@", 1)[0]
        )
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await execute(state_store, "SELECT 1")


async def test_the_auditor_reads_no_table_that_it_does_not_need_and_writes_nothing(layout: DatabaseLayout) -> None:
    """Also when it switches its read-only default off; what it reads is tested with the rules that it reads it for."""
    await prepared(layout)
    auditor = layout.url_of(AUDITOR)
    allow = "SET default_transaction_read_only = off"

    assert await fetch(auditor, "SHOW default_transaction_read_only") == "on"
    for owner in SHOP.schemas:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await fetch(auditor, f"SELECT count(*) FROM {owner}.things")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await execute(auditor, allow, f"INSERT INTO {owner}.things VALUES (2)")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await execute(auditor, allow, f"CREATE TABLE {owner}.others (id int)")


async def test_preparing_again_takes_back_what_a_former_release_let_the_auditor_read(layout: DatabaseLayout) -> None:
    """Of the tables that are there, it keeps what it needs; of those to come it gets nothing by itself."""
    await prepared(layout)
    role = f'"{layout.role(AUDITOR)}"'
    for owner in SHOP.schemas:
        await execute(
            layout.url_of(owner),
            f"GRANT USAGE ON SCHEMA {owner} TO {role}",
            f"ALTER DEFAULT PRIVILEGES IN SCHEMA {owner} GRANT SELECT ON TABLES TO {role}",
            "CREATE TABLE IF NOT EXISTS later (id int)",
        )
    await execute(layout.url_of("payment_gateway"), "CREATE TABLE IF NOT EXISTS charges (reference text, token text)")
    auditor = layout.url_of(AUDITOR)
    assert await fetch(auditor, "SELECT count(token) FROM payment_gateway.charges") == 0

    await bootstrap(layout)

    await execute(layout.url_of("payment_gateway"), "CREATE TABLE IF NOT EXISTS after_that (id int)")
    assert await fetch(auditor, "SELECT count(reference) FROM payment_gateway.charges") == 0
    unreadable = ["payment_gateway.after_that", *(f"{owner}.later" for owner in SHOP.schemas)]
    for query in ("SELECT token FROM payment_gateway.charges", *(f"SELECT 1 FROM {table}" for table in unreadable)):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await fetch(auditor, query)


async def test_the_state_store_is_dapr_s_own(layout: DatabaseLayout) -> None:
    """Its role makes tables there, and can't enter the shop's database."""
    await prepared(layout)
    state = layout.url_of(DAPR)

    await execute(state, "CREATE TABLE IF NOT EXISTS state (key text)", "DROP TABLE state")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await execute(f"{state.rpartition('/')[0]}/{layout.database}", "SELECT 1")


async def test_twice_and_at_once_is_the_same(layout: DatabaseLayout) -> None:
    """Two stacks that start at one time, and every start after the first."""
    await asyncio.gather(*(bootstrap(layout) for _ in range(3)))
    await prepared(layout)
    await bootstrap(layout)

    assert await fetch(layout.url_of("order_service"), "SELECT count(*) FROM things") == 1


async def test_preparing_waits_for_a_migration_without_holding_it_up(ordinary: DatabaseLayout) -> None:
    """Who builds an index waits for every statement under way, also for one that waits for the builder's lock."""
    await bootstrap(ordinary)
    who_waits = """
        SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND usename = current_user AND query LIKE 'SELECT pg%advisory_lock(%'
    """
    service = await asyncpg.connect(ordinary.url_of(SHOP.schemas[0]))
    admin = await asyncpg.connect(ordinary.admin_url)
    await service.execute("CREATE TABLE things (id int)")
    await service.fetchval("SELECT pg_advisory_lock($1)", MIGRATION_LOCK)

    preparing = [asyncio.create_task(bootstrap(ordinary)) for _ in range(2)]

    async def all_wait() -> bool:
        return bool(await admin.fetchval(who_waits) == len(preparing))

    await waiting.eventually(all_wait, "both wait for a lock")
    async with asyncio.timeout(30):
        await service.execute("CREATE INDEX CONCURRENTLY ON things (id)")
    is_waiting = not any(one.done() for one in preparing)
    await service.close()
    await asyncio.gather(*preparing)

    assert is_waiting
    await admin.close()


async def test_a_changed_password_is_set_again(layout: DatabaseLayout) -> None:
    """As after the state folder was moved or its secrets were lost."""
    await prepared(layout)
    await execute(layout.admin_url, f"ALTER ROLE {layout.role('payment_service')} PASSWORD 'another'")

    await bootstrap(layout)

    assert await fetch(layout.url_of("payment_service"), "SELECT count(*) FROM things") == 1


async def test_too_few_rights_are_explained(ordinary: DatabaseLayout, postgres_url: str) -> None:
    """The sentence holds the statement that a superuser must run."""
    await execute(postgres_url, f"CREATE DATABASE {ordinary.database}")

    with pytest.raises(BootstrapError, match=f'ALTER DATABASE "{ordinary.database}" OWNER TO "{ordinary.admin_user}"'):
        await bootstrap(ordinary)


async def test_too_few_rights_to_create_the_database_are_explained(ordinary: DatabaseLayout, postgres_url: str) -> None:
    """Nothing was there, and nothing may be made."""
    await execute(postgres_url, f"ALTER ROLE {ordinary.admin_user} NOCREATEDB")

    with pytest.raises(BootstrapError, match="may not create the database"):
        await bootstrap(ordinary)
