"""A fresh order-service database for each test."""

from collections.abc import AsyncIterator

import pytest

from shared.database import create_engine
from tests.integration.conftest import ServiceDatabase
from tests.integration.order.world import Desk


@pytest.fixture
async def desk(service_database: ServiceDatabase) -> AsyncIterator[Desk]:
    """Orders in a real Postgres."""
    engine = create_engine(service_database("order_service"), application_name="tests", pool_size=25)
    yield Desk(engine)
    await engine.dispose()
