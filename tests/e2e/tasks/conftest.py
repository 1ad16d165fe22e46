"""One real stack with the task system for all its end-to-end tests."""

from collections.abc import Iterator

import pytest

from devstack.settings import StackSettings
from tests.e2e.tasks.task_client import TaskClient
from tests.failure_injection.own_stack import own_stack

HURRY = {
    "SIDECAR_PATIENCE_SECONDS": "20",
    "TASK_LOST_SECONDS": "4",
    "SHOP_WORKFLOW_RETENTION_SECONDS": "10",
    "AUDIT_WORKFLOW_RETENTION_SECONDS": "10",
}


@pytest.fixture(scope="package")
def settings_and_client() -> Iterator[tuple[StackSettings, TaskClient]]:
    with own_stack("core", "events", "tasks", **HURRY) as (shop, evidence):
        yield evidence.settings, TaskClient(shop)


@pytest.fixture
def client(settings_and_client: tuple[StackSettings, TaskClient]) -> Iterator[TaskClient]:
    """A client of tasks; after the test every task has ended."""
    client = settings_and_client[1]
    client.stack.wait_ready(timeout_seconds=120)
    client.submitted.clear()
    yield client
    client.stack.wait_ready(timeout_seconds=120)
    for task_id in client.submitted:
        client.end_of(task_id)
