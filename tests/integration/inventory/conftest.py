"""A fresh inventory for each test, whose stock must add up when the test has ended."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.conftest import ServiceDatabase
from tests.integration.inventory.world import Inventory
from tests.integration.worlds import world_of


@pytest.fixture
def database_url(service_database: ServiceDatabase) -> str:
    return service_database("inventory_service")


@pytest.fixture
async def inventory(database_url: str) -> AsyncIterator[Inventory]:
    async with world_of(database_url, Inventory, Inventory.unbalanced) as inventory:
        yield inventory
