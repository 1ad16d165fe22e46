"""A healthy shop's books, and copies of them to be broken."""

import asyncio
from collections.abc import Iterator
from itertools import count

import pytest

from devstack.postgres.passwords import AUDITOR
from tests.integration.conservation.world import HEALTHY, execute
from tests.integration.shop_database import prepared

_numbers = count(1)


@pytest.fixture(scope="package")
def healthy(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The superuser's URL of a shop with a completed, an undone and an open order, and the auditor's URL."""
    layout = asyncio.run(prepared(postgres_url, tmp_path_factory.mktemp("conservation")))
    asyncio.run(execute(layout.admin_url, HEALTHY))
    return layout.admin_url, layout.url_of(AUDITOR)


@pytest.fixture
def copy(healthy: tuple[str, str], postgres_url: str) -> Iterator[str]:
    """A copy of the healthy shop, to be broken."""
    server, _, template = healthy[0].rpartition("/")
    name = f"conservation_copy_{next(_numbers)}"
    asyncio.run(execute(postgres_url, f'CREATE DATABASE "{name}" TEMPLATE "{template}"'))
    yield f"{server}/{name}"
    asyncio.run(execute(postgres_url, f'DROP DATABASE "{name}" WITH (FORCE)'))
