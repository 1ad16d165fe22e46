"""The compliance audit: a workflow that others call as their child."""

from datetime import UTC
from typing import Any, Final

from dapr.ext.workflow import DaprWorkflowContext, PropagatedHistory
from pydantic import ValidationError

from shared.participant.errors import MessageRejectedError, NonRetryableError
from shared.saga.context import Turns
from shared.saga.failures import StepFailed
from shared.saga.saga import Saga
from shared.saga.terms import SagaTerms
from shared.shop.audit import (
    APPEND_AUDIT_RECORD,
    AUDIT_SERVICE,
    COMPLIANCE_AUDIT,
    AppendAuditRecord,
    ComplianceAudit,
    SeenStep,
    SeenWorkflow,
    audit_instance_id,
)


def compliance_audit_workflow(ctx: DaprWorkflowContext, request: dict[str, Any]) -> Turns[dict[str, Any]]:
    """Put the caller's action on the record, with the steps that led to it.

    Raises:
        MessageRejectedError: the request can't be read.
        NonRetryableError: the record refuses it, with a sentence that says why.
    """
    audit = _read(request)
    terms = SagaTerms(saga_id=audit_instance_id(audit.task_id), home_app_id=AUDIT_SERVICE, faults=audit.faults)
    saga = Saga(ctx, terms)
    lineage = lineage_of(ctx.get_propagated_history())
    record = AppendAuditRecord(task_id=audit.task_id, action=audit.action, lineage=lineage)
    try:
        audited = yield from saga.record(APPEND_AUDIT_RECORD, record)
    except StepFailed as failed:
        raise NonRetryableError(failed.cause) from failed
    return audited.model_dump(mode="json")


def _read(request: object) -> ComplianceAudit:
    try:
        return ComplianceAudit.model_validate(request)
    except ValidationError as error:
        raise MessageRejectedError(
            f"{COMPLIANCE_AUDIT.workflow} of {AUDIT_SERVICE} can't read its input: {error}"
        ) from error


MOST_STEPS: Final = 200
"""Of one workflow: the first ones. A record stays small enough to be read."""


def lineage_of(history: PropagatedHistory | None) -> tuple[SeenWorkflow, ...]:
    """The workflows that led here, the oldest first; none if the caller didn't share its history.

    Names, apps, outcomes and times only: a record can never be taken back, and inputs and results hold what people may
    want to have removed one day.
    """
    if history is None:
        return ()
    return tuple(
        _seen(workflow.app_id, workflow.name, workflow.instance_id, history) for workflow in history.get_workflows()
    )


def _seen(app_id: str, name: str, instance_id: str, history: PropagatedHistory) -> SeenWorkflow:
    events = history.get_events_by_instance_id(instance_id)
    outcomes = _outcomes(events)
    steps = [step for event in events if (step := _step(event, app_id, outcomes)) is not None]
    return SeenWorkflow(
        app_id=app_id,
        workflow=name,
        instance_id=instance_id,
        steps=tuple(steps[:MOST_STEPS]),
        left_out=max(0, len(steps) - MOST_STEPS),
    )


def _outcomes(events: list[Any]) -> dict[int, str]:
    """How the steps ended, by the number of the event that scheduled them."""
    ends = {
        "taskCompleted": "done",
        "taskFailed": "failed",
        "childWorkflowInstanceCompleted": "done",
        "childWorkflowInstanceFailed": "failed",
    }
    kinds = ((event, event.WhichOneof("eventType")) for event in events)
    return {getattr(event, kind).taskScheduledId: ends[kind] for event, kind in kinds if kind in ends}


def _step(event: Any, app_id: str, outcomes: dict[int, str]) -> SeenStep | None:  # noqa: ANN401 - the SDK's message
    kind = event.WhichOneof("eventType")
    if kind not in {"taskScheduled", "childWorkflowInstanceCreated"}:
        return None
    return SeenStep(
        name=getattr(event, kind).name,
        app_id=event.router.targetAppID or app_id,
        outcome=outcomes.get(event.eventId, "running"),
        scheduled_at=event.timestamp.ToDatetime(tzinfo=UTC),
    )
