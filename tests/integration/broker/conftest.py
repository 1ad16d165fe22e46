"""A broker, a sidecar and a consumer for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from devstack.programs.build import ensure_broker, ensure_runtime
from devstack.settings import load_settings
from devstack.topology.addresses import free_block
from shared.database import create_engine
from tests.integration.broker.world import BrokerWorld
from tests.integration.conftest import ServiceDatabase
from tests.integration.inbox.world import MIGRATIONS

PORTS = 8


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[BrokerWorld]:
    """The broker runs; the sidecar doesn't yet."""
    settings = load_settings()
    daprd = ensure_runtime(settings, print).folder / "daprd"
    world = BrokerWorld(tmp_path, free_block(PORTS), daprd, ensure_broker(settings, print))
    try:
        await world.start_broker()
        await world.make_streams()
        yield world
    finally:
        await world.stop()


@pytest.fixture
def database_url(service_database: ServiceDatabase) -> str:
    return service_database("inbox", migrations=MIGRATIONS)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[AsyncEngine]:
    database = create_engine(database_url, application_name="tests")
    yield database
    await database.dispose()
