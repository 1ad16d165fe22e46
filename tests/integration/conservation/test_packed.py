"""Paid means packed: where tasks are installed, a completed order that nobody packs breaks conservation."""

import asyncio

import pytest

from shared.shop.reports import Violation
from tests.integration.conservation.world import audit, execute

RULE = "completed_order_is_packed"
LONG_AGO = "UPDATE order_service.orders SET ended_at = now() - interval '3 hours' WHERE order_id = 'done';"
TASK = """
    INSERT INTO task_orchestrator_service.tasks (task_id, origin, idempotency_key, request_hash, workflow, order_id,
        status, accepted, timeline, start_due_at, ended_at, reason)
    VALUES ('{name}', 'order.completed', '{name}', 'h', '{workflow}', 'done', '{status}', '{{}}', '{{}}', now(),
        CASE WHEN '{status}' IN ('completed', 'failed', 'audited') THEN now() END,
        CASE WHEN '{status}' = 'failed' THEN 'it broke' END);
"""


def a_task(status: str, workflow: str = "task_processing_multi_app", name: str = "task-1") -> str:
    return TASK.format(status=status, workflow=workflow, name=name)


def broken(copy: str, *statements: str) -> list[Violation]:
    for statement in statements:
        asyncio.run(execute(copy, statement))
    report = asyncio.run(audit(copy))
    assert RULE in {rule.rule for rule in report.rules}
    return [one for one in report.violations if one.rule == RULE]


def test_an_order_has_some_hours_to_be_packed(copy: str) -> None:
    assert broken(copy) == []


def test_one_that_has_no_task_is_named(copy: str) -> None:
    """Its event got lost, say."""
    [violation] = broken(copy, LONG_AGO)

    assert violation.subject == "done"
    assert violation.detail.endswith("ago, and it has no task")


@pytest.mark.parametrize("status", ["accepted", "in_progress"])
def test_one_whose_task_does_not_end_is_named(copy: str, status: str) -> None:
    [violation] = broken(copy, LONG_AGO, a_task(status))

    assert violation.detail.endswith(f"ago, and its task task-1 is {status}")


def test_an_audit_packs_nothing(copy: str) -> None:
    assert len(broken(copy, LONG_AGO, a_task("audited", "task_with_audit"))) == 1


@pytest.mark.parametrize(
    "tasks", [("completed",), ("failed",), ("failed", "completed"), ("in_progress", "completed")], ids="-".join
)
def test_packed_is_packed_and_failed_has_a_finding(copy: str, tasks: tuple[str, ...]) -> None:
    """The reconciler's `task_failed`, which says more of it."""
    assert broken(copy, LONG_AGO, *(a_task(status, name=f"task-{status}") for status in tasks)) == []


def test_where_no_task_was_ever_taken_there_is_no_such_rule(copy: str) -> None:
    asyncio.run(execute(copy, LONG_AGO + "DROP SCHEMA task_orchestrator_service CASCADE"))

    report = asyncio.run(audit(copy))

    assert report.holds, report.violations
    assert RULE not in {rule.rule for rule in report.rules}
