"""`task_with_audit` on the real stack: the record is kept by a child workflow in another app."""

from typing import Any

import pytest

from tests.e2e.shop import Shop, fault, held
from tests.e2e.tasks.task_client import AUDIT, AUDIT_SERVICE, ORCHESTRATOR, TaskClient, someone, step_of, steps_of

CHILD = "compliance_audit_workflow"


def records(client: TaskClient, task_id: str) -> list[dict[str, Any]]:
    """What is on the record about the task."""
    audit = Shop(client.stack, client.stack.urls()[AUDIT_SERVICE])
    items: list[dict[str, Any]] = audit.call("GET", f"/records?subject={task_id}").body["items"]
    return items


def check_audited_once(client: TaskClient, task_id: str) -> None:
    task = client.end_of(task_id)
    assert ("audited", None) == (task["status"], task["reason"])
    assert [f"audit-{task_id}"] == [record["audit_id"] for record in records(client, task_id)]
    assert f"audit-{task_id}" == task["audit_id"]


def test_a_task_is_put_on_the_record(client: TaskClient) -> None:
    """Once, with the history of its caller; nobody packs it, and nobody is notified."""
    ada = someone()
    task_id = client.submit(workflow=AUDIT, **ada)

    check_audited_once(client, task_id)
    task = client.end_of(task_id)
    assert [("validate_task", "done"), (CHILD, "done")] == steps_of(task)
    assert "audit-service" == step_of(task, CHILD)["app_id"]
    (record,) = records(client, task_id)
    assert "task_assigned" == record["content"]["action"]
    (seen,) = record["content"]["lineage"]
    assert (ORCHESTRATOR, AUDIT) == (seen["app_id"], seen["workflow"])
    assert "validate_task" in {step["name"] for step in seen["steps"]}
    assert [] == client.mails(ada["email"])


def test_a_refused_record_fails_the_task(client: TaskClient) -> None:
    """With the audit-service's own words; nothing is on the record."""
    task_id = client.submit(fault("append_audit_record", "refuse"), workflow=AUDIT, **someone())

    task = client.end_of(task_id)
    assert "failed" == task["status"]
    assert task["reason"].startswith(f"{CHILD} on audit-service was refused: ")
    assert task["reason"].endswith("Correct what it says, and submit the task again under a new key.")
    assert [] == records(client, task_id)


def test_an_audit_service_that_is_away_is_waited_for(client: TaskClient) -> None:
    """The child starts when it is back."""
    with held(client.stack, AUDIT_SERVICE):
        task_id = client.submit(workflow=AUDIT, **someone())
        client.reaches(task_id, CHILD)

    check_audited_once(client, task_id)


@pytest.mark.parametrize("mode", ["crash_before", "crash_after"])
def test_the_audit_service_dies_around_its_commit(client: TaskClient, mode: str) -> None:
    """One record."""
    check_audited_once(client, client.submit(fault("append_audit_record", mode), workflow=AUDIT, **someone()))


@pytest.mark.parametrize("victim", [AUDIT_SERVICE, ORCHESTRATOR, f"{ORCHESTRATOR}-daprd"])
def test_whoever_dies_while_the_record_is_written(client: TaskClient, victim: str) -> None:
    """SIGKILL of the child's app, of its caller, of the caller's engine: one record, and the task ends."""
    task_id = client.submit(fault("append_audit_record", "delay", seconds=3), workflow=AUDIT, **someone())
    client.reaches(task_id, CHILD)

    client.stack.kill(victim)

    check_audited_once(client, task_id)
