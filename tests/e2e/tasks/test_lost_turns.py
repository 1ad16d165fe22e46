"""Turns of tasks' workflows are lost: the engine calls them running, and they take no event any more."""

import pytest

from devstack.settings import StackSettings
from tests.e2e.losing_turns import losing, lost_turn_of
from tests.e2e.tasks.orchestrator import other_orchestrator
from tests.e2e.tasks.task_client import TaskClient, someone

TASKS = 12
HURRY = {"TASK_LOST_SECONDS": "4", "TASK_SILENT_SECONDS": "4"}


@pytest.mark.timeout(400)
def test_tasks_whose_turns_were_lost_are_begun_anew(
    client: TaskClient, settings_and_client: tuple[StackSettings, TaskClient]
) -> None:
    """They complete, and each customer is notified once, whatever the lost run had done already."""
    settings, _ = settings_and_client
    with other_orchestrator(client, settings, HURRY, losing("task_orchestrator_service")):
        customers = {}
        for _ in range(TASKS):
            customer = someone()
            customers[client.submit(**customer)] = customer
        ends = {task_id: client.end_of(task_id) for task_id in customers}

    assert {"completed"} == {task["status"] for task in ends.values()}
    begun_anew = {task_id for task_id, task in ends.items() if task["restarts"]}
    assert begun_anew
    assert begun_anew <= {task_id for task_id in ends if lost_turn_of(task_id)}
    for customer in customers.values():
        assert 1 == len(client.mails(customer["email"]))
        assert 1 == len(client.pushes(customer["user_id"]))
