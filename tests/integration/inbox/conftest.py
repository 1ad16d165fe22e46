"""A fresh consumer for each test."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.database import create_engine
from tests.integration.conftest import ServiceDatabase
from tests.integration.inbox.world import MIGRATIONS, World


@pytest.fixture
def database_url(service_database: ServiceDatabase) -> str:
    return service_database("inbox", migrations=MIGRATIONS)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[AsyncEngine]:
    database = create_engine(database_url, application_name="tests", pool_size=25)
    yield database
    await database.dispose()


@pytest.fixture
def world(database: AsyncEngine) -> World:
    return World(database)
