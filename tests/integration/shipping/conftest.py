"""A fresh shipping-service for each test: every step has at most one parcel, and none after its undo."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.conftest import ServiceDatabase
from tests.integration.shipping.world import Shipping
from tests.integration.worlds import world_of


@pytest.fixture
def database_url(service_database: ServiceDatabase) -> str:
    return service_database("shipping_service")


@pytest.fixture
async def shipping(database_url: str) -> AsyncIterator[Shipping]:
    async with world_of(database_url, Shipping, Shipping.orphans) as shipping:
        yield shipping
