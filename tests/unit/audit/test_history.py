"""What is read of a caller's propagated history."""

import pytest
from dapr.ext.workflow import PropagatedHistory
from dapr.ext.workflow._durabletask.internal import protos as pb

from audit_service.workflow import MOST_STEPS, lineage_of
from shared.shop.audit import SeenStep, SeenWorkflow

pytestmark = pytest.mark.unit

PARENT, GRANDPARENT = "task-orchestrator-service", "order-service"


def scheduled(number: int, name: str, app_id: str | None = None) -> pb.HistoryEvent:
    event = pb.HistoryEvent(
        eventId=number,
        taskScheduled=pb.TaskScheduledEvent(name=name, input={"value": '"ada@example.org"'}),
    )
    event.timestamp.FromSeconds(number)
    if app_id is not None:
        event.router.targetAppID = app_id
    return event


def done(number: int) -> pb.HistoryEvent:
    return pb.HistoryEvent(eventId=-1, taskCompleted=pb.TaskCompletedEvent(taskScheduledId=number))


def failed(number: int) -> pb.HistoryEvent:
    return pb.HistoryEvent(eventId=-1, taskFailed=pb.TaskFailedEvent(taskScheduledId=number))


def child(number: int, name: str) -> pb.HistoryEvent:
    return pb.HistoryEvent(
        eventId=number,
        childWorkflowInstanceCreated=pb.ChildWorkflowInstanceCreatedEvent(name=name),
    )


def a_history(*chunks: tuple[str, str, list[pb.HistoryEvent]]) -> PropagatedHistory:
    found = PropagatedHistory.from_proto(
        pb.PropagatedHistory(
            scope=pb.HISTORY_PROPAGATION_SCOPE_LINEAGE,
            chunks=[
                pb.PropagatedHistoryChunk(
                    appId=app_id,
                    instanceId=f"{name}-1",
                    workflowName=name,
                    rawEvents=[
                        event.SerializeToString()  # type: ignore[no-untyped-call]
                        for event in events
                    ],
                )
                for app_id, name, events in chunks
            ],
        )
    )
    assert found is not None
    return found


def steps_seen(workflow: SeenWorkflow) -> list[tuple[str, str, str]]:
    return [(step.name, step.app_id, step.outcome) for step in workflow.steps]


def test_each_step_is_reported_with_its_app_and_outcome() -> None:
    """An activity of the caller's own app has no router; a step that was retried is there for each attempt."""
    history = a_history(
        (
            PARENT,
            "task_with_audit",
            [
                scheduled(0, "validate_task"),
                done(0),
                scheduled(1, "send_email", "notification-service"),
                failed(1),
                scheduled(2, "send_email", "notification-service"),
                done(2),
                child(3, "compliance_audit_workflow"),
            ],
        )
    )

    (parent,) = lineage_of(history)

    assert (parent.app_id, parent.workflow, parent.instance_id) == (PARENT, "task_with_audit", "task_with_audit-1")
    assert steps_seen(parent) == [
        ("validate_task", PARENT, "done"),
        ("send_email", "notification-service", "failed"),
        ("send_email", "notification-service", "done"),
        ("compliance_audit_workflow", PARENT, "running"),
    ]


def test_the_lineage_is_reported_from_its_oldest() -> None:
    history = a_history(
        (GRANDPARENT, "order_workflow", []), (PARENT, "task_with_audit", [scheduled(0, "validate_task")])
    )

    assert [one.workflow for one in lineage_of(history)] == ["order_workflow", "task_with_audit"]


def test_no_input_and_no_result_is_reported() -> None:
    """A record can never be taken back, and a person's address must be."""
    history = a_history((PARENT, "task_with_audit", [scheduled(0, "send_email")]))

    assert "ada@example.org" not in str(lineage_of(history))
    assert SeenStep.model_fields.keys() == {"name", "app_id", "outcome", "scheduled_at"}


def test_a_caller_without_history_has_no_lineage() -> None:
    assert lineage_of(None) == ()


def test_a_long_history_is_cut_and_says_so() -> None:
    history = a_history((PARENT, "endless", [scheduled(number, "again") for number in range(MOST_STEPS + 7)]))

    (parent,) = lineage_of(history)

    assert (len(parent.steps), parent.left_out) == (MOST_STEPS, 7)
