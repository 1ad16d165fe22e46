"""A healthy shop's books, and copies of them to be broken."""

import asyncio
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from devstack.database import bootstrap
from devstack.layout import AUDITOR, SCHEMA_OWNERS, database_layout
from devstack.passwords import load_passwords
from devstack.settings import load_settings
from shared.database import migrate
from tests.integration.conservation.world import HEALTHY, execute

PROJECT = Path(__file__).parents[3]

_numbers = count(1)


@pytest.fixture(scope="package")
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
