"""A fresh shipping-service for each test: every step has at most one parcel, and none after its undo."""

from collections.abc import AsyncIterator

import pytest

from shared.database import create_engine
from tests.integration.conftest import ServiceDatabase
from tests.integration.shipping.world import Shipping


@pytest.fixture
def database_url(service_database: ServiceDatabase) -> str:
    return service_database("shipping_service")


@pytest.fixture
async def shipping(database_url: str) -> AsyncIterator[Shipping]:
    engine = create_engine(database_url, application_name="tests", pool_size=25)
    shipping = Shipping(engine)
    yield shipping
    strays = await shipping.strays()
    await engine.dispose()
    assert strays == []
