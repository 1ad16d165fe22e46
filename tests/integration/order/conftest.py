"""A fresh order-service database for each test."""

from collections.abc import AsyncIterator

import pytest

from shared.database import create_engine
from tests.integration.conftest import ServiceDatabase
from tests.integration.order.world import World


@pytest.fixture
async def world(service_database: ServiceDatabase) -> AsyncIterator[World]:
    """Orders in a real Postgres."""
    database = create_engine(service_database("order_service"), application_name="tests", pool_size=25)
    yield World(database)
    await database.dispose()
