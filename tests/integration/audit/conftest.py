"""A fresh audit trail for each test, prepared as the stack prepares it, and the three who come to it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from audit_service.schema import prepare
from devstack.postgres.passwords import AUDIT_WRITER, load_passwords
from devstack.postgres.prepare import bootstrap
from devstack.settings import load_settings
from devstack.topology.layout import DatabaseLayout, database_layout
from shared.database import create_engine
from tests.integration.audit.world import Trail

TEMPLATE = "audited"

_numbers = count(1)


@pytest.fixture(scope="package")
def audited(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseLayout]:
    """A prepared database, to be copied."""
    home = tmp_path_factory.mktemp("audited")
    layout = _layout(postgres_url, TEMPLATE, home)
    asyncio.run(_prepare(layout))
    yield layout
    asyncio.run(_execute(postgres_url, *(_drop(name) for name in (layout.database, layout.state_database))))


@pytest.fixture
async def trail(postgres_url: str, audited: DatabaseLayout) -> AsyncIterator[Trail]:
    name = f"{TEMPLATE}_{next(_numbers)}"
    roles = [audited.role(owner) for owner in ("audit_service", AUDIT_WRITER)]
    await _execute(
        postgres_url,
        f'CREATE DATABASE "{name}" TEMPLATE "{TEMPLATE}"',
        # What belongs to a database and not to what is in it isn't copied.
        *(f'ALTER ROLE "{role}" IN DATABASE "{name}" SET search_path = audit_service' for role in roles),
    )
    urls = [audited.url_of("audit_service"), audited.url_of(AUDIT_WRITER), postgres_url]
    owner, writer, superuser = (
        create_engine(urlsplit(url)._replace(path=f"/{name}").geturl(), application_name="tests", pool_size=size)
        for url, size in zip(urls, (1, 10, 1), strict=True)
    )
    yield Trail(writer, owner, superuser)
    await asyncio.gather(*(database.dispose() for database in (writer, owner, superuser)))
    await _execute(postgres_url, _drop(name))


def _layout(postgres_url: str, database: str, home: Path) -> DatabaseLayout:
    url = urlsplit(postgres_url)._replace(path=f"/{database}").geturl()
    return database_layout(load_settings(home=home, database_url=url), load_passwords(load_settings(home=home)))


async def _prepare(layout: DatabaseLayout) -> None:
    await bootstrap(layout)
    for _ in range(2):  # as it is at every start of the stack
        await prepare(layout.url_of("audit_service"), layout.role(AUDIT_WRITER))


def _drop(database: str) -> str:
    return f'DROP DATABASE "{database}" WITH (FORCE)'


async def _execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()
