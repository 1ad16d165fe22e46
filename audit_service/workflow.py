"""The compliance audit: a workflow that others call as their child."""

from typing import Any

from dapr.ext.workflow import DaprWorkflowContext
from pydantic import ValidationError

from audit_service.history import lineage_of
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
