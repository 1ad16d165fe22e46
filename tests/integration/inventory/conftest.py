"""A fresh inventory for each test, whose stock must add up when the test has ended."""

from collections.abc import AsyncIterator

import pytest

from shared.database import create_engine
from tests.integration.conftest import ServiceDatabase
from tests.integration.inventory.world import Inventory


@pytest.fixture
def database_url(service_database: ServiceDatabase) -> str:
    return service_database("inventory_service")


@pytest.fixture
async def inventory(database_url: str) -> AsyncIterator[Inventory]:
    engine = create_engine(database_url, application_name="tests", pool_size=25)
    inventory = Inventory(engine)
    yield inventory
    unbalanced = await inventory.unbalanced()
    await engine.dispose()
    assert unbalanced == []
