"""A fresh task-orchestrator-service for each test; after it, who has what adds up."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.conftest import ServiceDatabase
from tests.integration.tasks.world import World
from tests.integration.worlds import world_of


@pytest.fixture
def database_url(service_database: ServiceDatabase) -> str:
    return service_database("task_orchestrator_service")


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with world_of(database_url, World, World.contradictions) as world:
        yield world
