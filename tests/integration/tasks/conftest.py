"""A fresh task-orchestrator-service for each test; after it, who has what adds up."""

from collections.abc import AsyncIterator

import pytest

from shared.database import create_engine
from tests.integration.conftest import ServiceDatabase
from tests.integration.tasks.world import World


@pytest.fixture
def database_url(service_database: ServiceDatabase) -> str:
    return service_database("task_orchestrator_service")


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    engine = create_engine(database_url, application_name="tests", pool_size=25)
    world = World(engine)
    yield world
    contradictions = await world.contradictions()
    await engine.dispose()
    assert contradictions == []
