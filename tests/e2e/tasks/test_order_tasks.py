"""Each completed order gets one task, whatever is killed between the order and its task."""

import pytest

from tests.e2e.shop import eventually, held
from tests.e2e.tasks.task_client import ORCHESTRATOR, TaskClient

ORDERS = 5


def tasks_of(client: TaskClient, order_id: str) -> list[str]:
    """All tasks of the order."""
    items = client.call("GET", "/tasks?limit=200").body["items"]
    return [task["task_id"] for task in items if task["order_id"] == order_id]


def check_each_has_its_task(client: TaskClient, order_ids: list[str]) -> None:
    for order_id in order_ids:
        task = client.end_of(f"task-{order_id}")
        assert ("completed", None, "order.completed") == (task["status"], task["reason"], task["origin"])
        assert [f"task-{order_id}"] == tasks_of(client, order_id)
        assert task["fraud_score"] is not None
        mails = [mail for mail in client.mails("ada@example.org") if mail["subject"] == "Task Assigned"]
        assert 1 == len([mail for mail in mails if order_id in mail["body"]])


def test_a_completed_order_becomes_one_task(client: TaskClient) -> None:
    """Packed, and its customer notified, once."""
    order_id = client.shop.order()
    order = client.shop.end_of(order_id)

    task = client.end_of(f"task-{order_id}")

    assert ("completed", "completed", None) == (order["status"], task["status"], task["reason"])
    assert [{"sku": "DSK-CALENDAR", "quantity": 1}] == task["lines"]
    assert [f"task-{order_id}"] == tasks_of(client, order_id)


def test_an_order_that_is_not_completed_gets_none(client: TaskClient) -> None:
    """Of two orders, the one that was undone; the later one's task shows that its event had its turn."""
    undone = client.shop.order(token="tok_declined")
    assert "compensated" == client.shop.end_of(undone)["status"]
    done = client.shop.order()
    client.end_of(f"task-{done}")

    assert [] == tasks_of(client, undone)


@pytest.mark.parametrize("victim", [ORCHESTRATOR, f"{ORCHESTRATOR}-daprd", "broker", "event-relay"])
def test_a_death_between_order_and_task_loses_and_doubles_nothing(client: TaskClient, victim: str) -> None:
    """It is dead while the orders complete, and killed once more while their events arrive."""
    with held(client.stack, victim):
        order_ids = [client.shop.order() for _ in range(ORDERS)]
        assert ["completed"] * ORDERS == [client.shop.end_of(order_id)["status"] for order_id in order_ids]
    first = f"task-{order_ids[0]}"
    eventually(lambda: client.show(first), "the first order's task", 120)

    client.stack.kill(victim)

    check_each_has_its_task(client, order_ids)
