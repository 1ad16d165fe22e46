"""One real stack with the task system for all its end-to-end tests."""

from collections.abc import Iterator

import pytest

from devstack.settings import StackSettings
from tests.e2e.tasks.desk import Desk
from tests.failure_injection.own_stack import own_stack

HURRY = {
    "SIDECAR_PATIENCE_SECONDS": "20",
    "TASK_LOST_SECONDS": "4",
    "SHOP_WORKFLOW_RETENTION_SECONDS": "10",
    "AUDIT_WORKFLOW_RETENTION_SECONDS": "10",
}


@pytest.fixture(scope="package")
def settings_and_desk() -> Iterator[tuple[StackSettings, Desk]]:
    with own_stack("core", "events", "tasks", **HURRY) as (shop, evidence):
        yield evidence.settings, Desk(shop)


@pytest.fixture
def desk(settings_and_desk: tuple[StackSettings, Desk]) -> Iterator[Desk]:
    """The desk; after the test every task has ended."""
    desk = settings_and_desk[1]
    desk.stack.wait_ready(timeout_seconds=120)
    desk.submitted.clear()
    yield desk
    desk.stack.wait_ready(timeout_seconds=120)
    for task_id in desk.submitted:
        desk.end_of(task_id)
