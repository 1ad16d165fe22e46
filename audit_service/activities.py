"""The audit activity."""

import re
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from audit_service.chain import Record
from audit_service.records import append
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


KIND: Final = "compliance"

_TASK_ID: Final = re.compile(r"[!-~]{1,200}")
_ACTION: Final = re.compile(r"[a-z][a-z0-9_]{0,99}")


def check(request: AppendAuditRecord) -> None:
    """Turn away what nobody could ever look up.

    Raises:
        Refused: with a sentence that says what to send instead.
    """
    if not _TASK_ID.fullmatch(request.task_id):
        raise Refused(
            f"the task id {request.task_id[:64]!a} can't be put on the record: "
            "send 1 to 200 printable ASCII characters without spaces"
        )
    if not _ACTION.fullmatch(request.action):
        raise Refused(
            f"the action {request.action[:64]!a} can't be put on the record: send a name such as 'task_assigned', "
            "of at most 100 lower-case letters, digits and underscores"
        )
