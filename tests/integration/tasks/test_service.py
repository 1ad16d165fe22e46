"""The task-orchestrator-service as a whole: its settings, its contracts, its document and its process."""

import pytest

from shared.service.settings import load
from shared.shop.task import TASK_ORCHESTRATOR
from task_orchestrator_service.__main__ import compose
from task_orchestrator_service.acceptance import TaskService
from task_orchestrator_service.api import OPENAPI, task_routes
from task_orchestrator_service.settings import TaskSettings
from task_orchestrator_service.starter import Starter
from tests.integration.service_process import running
from tests.integration.tasks.world import World

HOST_ROUTES = {("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/metrics"), ("GET", "/about")}


@pytest.fixture
def environment(environment: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    environment.setenv("BROKER_URL", "nats://127.0.0.1:1")
    return environment


@pytest.mark.usefixtures("environment")
def test_every_contract_and_both_workflows_are_served() -> None:
    """Under exactly these names."""
    service = compose(load(TaskSettings))

    assert service.activities.names == {contract.activity for contract in TASK_ORCHESTRATOR.contracts}
    assert service.workflows.keys() == {"task_processing_multi_app", "task_with_audit"}


@pytest.mark.parametrize(
    ("name", "value"),
    [("TASK_PACKERS", " , "), ("TASK_INSPECTORS", ""), ("TASK_INSPECTION_SCORE", "2"), ("TASK_LOST_SECONDS", "0")],
)
def test_senseless_settings_stop_the_start(environment: pytest.MonkeyPatch, name: str, value: str) -> None:
    """Named, so that they can be corrected."""
    environment.setenv(name, value)

    with pytest.raises(SystemExit, match=name):
        load(TaskSettings)


def test_names_are_written_with_commas(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("TASK_PACKERS", "Ann Lee, bob")

    assert load(TaskSettings).team.packers == ("Ann Lee", "bob")


async def test_every_route_is_documented_and_nothing_else(world: World) -> None:
    """Clients are generated from the document."""
    starter = Starter(world.tasks, world.engine, concurrency=32, patience_seconds=30)
    task_service = TaskService(world.database, world.tasks, starter, allows_faults=False)
    routes = {(route.method, route.path) for route in task_routes(world.tasks, task_service)}
    paths = OPENAPI["paths"]

    assert routes | HOST_ROUTES == {(method.upper(), path) for path, ways in paths.items() for method in ways}


async def test_the_process_lives_and_drains(database_url: str) -> None:
    """Alive without a sidecar, not ready, and ended well by SIGTERM."""
    async with running("task_orchestrator_service", database_url, BROKER_URL="nats://127.0.0.1:1") as service:
        status, problem = await service.get("/readyz")
        assert (status, problem["title"]) == (503, "Service Unavailable")
        assert await service.stop() == 0
