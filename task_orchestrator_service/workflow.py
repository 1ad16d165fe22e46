"""The task workflows: what a task goes through, whoever asked for it."""

from collections.abc import Callable
from datetime import UTC
from typing import Any

from dapr.ext.workflow import DaprWorkflowContext

from shared.contracts.contract import Contract, RequestT
from shared.contracts.timeline import StepOutcome
from shared.saga.context import Branch, Turns
from shared.saga.failures import SagaStopped, StepFailed
from shared.saga.saga import Observer, Saga
from shared.saga.terms import SagaTerms
from shared.shop.audit import COMPLIANCE_AUDIT, ComplianceAudit, audit_instance_id
from shared.shop.inference import RUN_ML_INFERENCE, MlInferenceResult, RunMlInference
from shared.shop.notification import SEND_EMAIL, SEND_PUSH, NotificationSent, SendEmail, SendPush
from shared.shop.task import (
    ASSIGN_TASK,
    CLOSE_TASK,
    TASK_ORCHESTRATOR_SERVICE,
    TASK_PROCESSING,
    TASK_WITH_AUDIT,
    UNSCORED,
    VALIDATE_TASK,
    AcceptedTask,
    AssignTask,
    CloseTask,
    Notified,
    TaskResult,
    TaskStatus,
    ValidateTask,
)

TaskWorkflow = Callable[[DaprWorkflowContext, AcceptedTask], Turns[dict[str, Any]]]

AUDITED_ACTION = "task_assigned"

PAID_MEANS_PACKED = "paid-means-packed"
"""The change by which no score, no mail and no push is no failure of a task."""

NOT_CLAIMED = "not_claimed"
"""The result of a run that found the task owned by another run, or over; it did nothing else."""


def task_workflows_shown_to(observer: Observer | None) -> dict[str, TaskWorkflow]:
    """The workflows by name, with their progress shown to `observer`."""

    def task_processing_multi_app(ctx: DaprWorkflowContext, task: AcceptedTask) -> Turns[dict[str, Any]]:
        """Score the order, give it to someone, and only then notify its customer."""
        saga = _saga(ctx, task, observer)
        try:
            if not (yield from _is_ours(saga, task)):
                return {"status": NOT_CLAIMED}
            score = yield from _score(saga, task)
            closeness = score.score if score is not None else UNSCORED
            assigned = yield from saga.step(ASSIGN_TASK, AssignTask(run_id=task.run_id, fraud_score=closeness))
            email, push = yield from saga.parallel(
                _notified(ctx, saga, SEND_EMAIL, _email(task)), _notified(ctx, saga, SEND_PUSH, _push(task))
            )
        except SagaStopped as stopped:
            return (yield from _fail(saga, task, stopped))
        notifications = (email, push)
        result = TaskResult(
            assignee=assigned.assignee,
            lane=assigned.lane,
            fraud_score=score.score if score is not None else None,
            model_version=score.model_version if score is not None else None,
            notifications=notifications,
        )
        status = yield from _close(saga, task, TaskStatus.COMPLETED, result=result)
        told = [one.model_dump(mode="json", exclude_none=True) for one in notifications]
        return {"status": status, "notifications": told}

    def task_with_audit(ctx: DaprWorkflowContext, task: AcceptedTask) -> Turns[dict[str, Any]]:
        """Put the task on the compliance record, which a workflow of another app keeps."""
        saga = _saga(ctx, task, observer)
        try:
            if not (yield from _is_ours(saga, task)):
                return {"status": NOT_CLAIMED}
            audited = yield from saga.child(
                COMPLIANCE_AUDIT,
                ComplianceAudit(task_id=task.task_id, action=AUDITED_ACTION, faults=task.faults),
                instance_id=audit_instance_id(task.task_id),
            )
        except SagaStopped as stopped:
            return (yield from _fail(saga, task, stopped))
        status = yield from _close(saga, task, TaskStatus.AUDITED, result=TaskResult(audit_id=audited.audit_id))
        return {"status": status, "audit_id": audited.audit_id}

    return {TASK_PROCESSING: task_processing_multi_app, TASK_WITH_AUDIT: task_with_audit}


def _saga(ctx: DaprWorkflowContext, task: AcceptedTask, observer: Observer | None) -> Saga:
    terms = SagaTerms(
        saga_id=task.task_id,
        home_app_id=TASK_ORCHESTRATOR_SERVICE,
        do_patience_seconds=task.patience_seconds,
        faults=task.faults,
    )
    return Saga(ctx, terms, observer)


def _is_ours(saga: Saga, task: AcceptedTask) -> Turns[bool]:
    """Every workflow's first turn is local: only then do the deadlines of remote calls work."""
    owner = yield from saga.step(VALIDATE_TASK, ValidateTask(run_id=task.run_id))
    return owner.claimed and owner.run_id == task.run_id


def _score(saga: Saga, task: AcceptedTask) -> Turns[MlInferenceResult | None]:
    """The score; None if there is none to be had, for which somebody looks at the order."""
    facts = RunMlInference(
        total_cents=task.total_cents,
        currency=task.currency,
        units=sum(line.quantity for line in task.lines),
        distinct_skus=len(task.lines),
        country=task.country,
        email=task.email,
    )
    try:
        return (yield from saga.step(RUN_ML_INFERENCE, facts))
    except StepFailed:
        if not saga.patched(PAID_MEANS_PACKED):
            raise
        return None


def _notified(
    ctx: DaprWorkflowContext, saga: Saga, contract: Contract[RequestT, NotificationSent], request: RequestT
) -> Branch[Notified]:
    """Notify the customer if they can be reached: the order is paid, and packed all the same."""
    try:
        sent = yield from saga.branch(contract, request)
    except StepFailed as failed:
        if not saga.patched(PAID_MEANS_PACKED):
            raise
        return Notified(sent=False, sent_at=ctx.current_utc_datetime.replace(tzinfo=UTC), reason=failed.reason)
    return Notified(sent=sent.sent, sent_at=sent.sent_at)


def _email(task: AcceptedTask) -> SendEmail:
    about = f"order {task.order_id}" if task.order_id else f"task {task.task_id}"
    lines = "\n".join(f"  {line.quantity} x {line.sku}" for line in task.lines)
    return SendEmail(recipient=task.email, subject="Task Assigned", body=f"Your {about} is being packed:\n\n{lines}\n")


def _push(task: AcceptedTask) -> SendPush:
    about = f"order {task.order_id}" if task.order_id else f"task {task.task_id}"
    return SendPush(user_id=task.user_id, message=f"Your {about} is being packed")


def _fail(saga: Saga, task: AcceptedTask, stopped: SagaStopped) -> Turns[dict[str, Any]]:
    reason = reason_of(stopped)
    status = yield from _close(saga, task, TaskStatus.FAILED, reason=reason)
    return {"status": status, "reason": reason}


def _close(
    saga: Saga, task: AcceptedTask, status: TaskStatus, *, reason: str | None = None, result: TaskResult | None = None
) -> Turns[TaskStatus]:
    closed = yield from saga.record(
        CLOSE_TASK,
        CloseTask(
            run_id=task.run_id, timeline=saga.timeline, status=status, reason=reason, result=result or TaskResult()
        ),
    )
    return closed.status


def reason_of(stopped: SagaStopped) -> str:
    """One sentence that names app, activity and cause, and one with the next step."""
    if not isinstance(stopped, StepFailed):
        return f"{stopped.reason}. Submit the task again under a new key."
    return f"{stopped.reason.rstrip('.')}. {_next_step(stopped)}"


def _next_step(failure: StepFailed) -> str:
    app_id = failure.app_id
    match failure.outcome:
        case StepOutcome.REFUSED:
            return "Correct what it says, and submit the task again under a new key."
        case StepOutcome.FAILED:
            return "Then submit the task again under a new key."
        case _:
            return (
                f"See whether {app_id} runs (`shop status`, `shop logs {app_id}`), then submit the task again under a "
                f"new key; {failure.activity} may have taken effect all the same."
            )
