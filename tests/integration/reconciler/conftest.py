"""A database with the schemas of all services, as `devstack` prepares it."""

import asyncio
from collections.abc import AsyncIterator
from itertools import count

import asyncpg
import pytest

from devstack.postgres.passwords import AUDITOR
from devstack.topology.layout import DatabaseLayout
from shared.database import create_engine
from shared.shop.registry import SHOP
from tests.integration import shop_database
from tests.integration.reconciler.world import World

_numbers = count(1)


@pytest.fixture(scope="package")
def prepared(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> DatabaseLayout:
    """The layout of a migrated database, to be copied."""
    return asyncio.run(shop_database.prepared(postgres_url, tmp_path_factory.mktemp("reconciled")))


@pytest.fixture
async def world(prepared: DatabaseLayout, postgres_url: str) -> AsyncIterator[World]:
    name = f"{prepared.database}_{next(_numbers)}"
    server = await asyncpg.connect(postgres_url)
    await server.execute(f'CREATE DATABASE "{name}" TEMPLATE "{prepared.database}"')
    # What `bootstrap` sets per role is set per database, so that a copy doesn't have it.
    for owner in (*SHOP.schemas, AUDITOR):
        path = owner if owner != AUDITOR else ", ".join(SHOP.schemas)
        await server.execute(f'ALTER ROLE "{prepared.role(owner)}" IN DATABASE "{name}" SET search_path = {path}')
        await server.execute(f'GRANT CONNECT ON DATABASE "{name}" TO "{prepared.role(owner)}"')

    def url_of(owner: str) -> str:
        return f"{prepared.url_of(owner).rpartition('/')[0]}/{name}"

    database = create_engine(url_of("order_service"), application_name="tests", pool_size=10)
    auditor_database = create_engine(url_of(AUDITOR), application_name="tests auditor", pool_size=2)
    yield World(f"{postgres_url.rpartition('/')[0]}/{name}", database, auditor_database)
    await database.dispose()
    await auditor_database.dispose()
    await server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await server.close()
