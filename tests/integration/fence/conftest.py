"""A fresh database with nothing but the fence, the fault hits and a table of effects."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.database import create_engine
from tests.integration.conftest import ServiceDatabase
from tests.integration.fence.world import MIGRATIONS, Participant


@pytest.fixture
def database_url(service_database: ServiceDatabase) -> str:
    return service_database("fence", migrations=MIGRATIONS)


@pytest.fixture
def empty_url(service_database: ServiceDatabase, tmp_path: Path) -> str:
    """A database with the service's role and schema, and no revision."""
    return service_database("fence", migrations=tmp_path)


@pytest.fixture
async def participant(database_url: str) -> AsyncIterator[Participant]:
    database = create_engine(database_url, application_name="tests", pool_size=25)
    yield Participant(database)
    await database.dispose()
