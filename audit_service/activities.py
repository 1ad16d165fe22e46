"""The audit activity."""

from sqlalchemy.ext.asyncio import AsyncEngine

from audit_service.chain import Record
from audit_service.records import append
from audit_service.rules import KIND, check
from shared.participant.activities import ActivityHost, Call
from shared.participant.errors import Refused
from shared.shop.audit import APPEND_AUDIT_RECORD, AppendAuditRecord, ComplianceAudited, audit_instance_id


def serve_audit(host: ActivityHost, database: AsyncEngine) -> None:
    """Serve the audit contract."""

    async def append_audit_record(call: Call[AppendAuditRecord]) -> ComplianceAudited:
        check(call.request)
        record = await _record(database, call.request)
        on_record = record.content["action"]
        if on_record != call.request.action:
            raise Refused(
                f"{record.key} is on the record already (number {record.number}) with the action {on_record!a}, "
                f"and a record never changes: audit {call.request.action!a} under a task id of its own"
            )
        return ComplianceAudited(audit_id=record.key, number=record.number, hash=record.hash, recorded_at=record.at)

    host.serve(APPEND_AUDIT_RECORD, append_audit_record)


async def _record(database: AsyncEngine, request: AppendAuditRecord) -> Record:
    lineage = [one.model_dump(mode="json") for one in request.lineage]
    async with database.begin() as tx:
        return await append(
            tx,
            key=audit_instance_id(request.task_id),
            kind=KIND,
            subject=request.task_id,
            content={"action": request.action, "lineage": lineage},
        )
