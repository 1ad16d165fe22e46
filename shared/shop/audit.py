"""Messages and documents of the audit-service."""

from datetime import datetime
from typing import Any, Final

from shared.contracts.app import App
from shared.contracts.call import Fault
from shared.contracts.contract import TASK_SECONDS, UNTIL_DONE, ChildContract, Contract
from shared.contracts.message import Message
from shared.shop.groups import TASKS
from shared.web.bodies import Items, Moment, View

AUDIT_SERVICE: Final = "audit-service"


class ComplianceAudit(Message):
    """The input of `compliance_audit_workflow`: put on the record that this was done to the task."""

    task_id: str
    action: str
    faults: tuple[Fault, ...] = ()


class ComplianceAudited(Message):
    """It is on the record, for good: a repeat gets the same answer.

    `number` and `hash` are the record's place in the chain; whoever keeps them can prove that it is still there.
    """

    audit_id: str
    number: int
    hash: str
    recorded_at: datetime


class SeenStep(Message):
    """One step of a caller, as its history shows it: its name and its state, never what went in or came out.

    `outcome` is `done`, `failed` or `running`; a step that was retried is there once per attempt.
    """

    name: str
    app_id: str
    outcome: str
    scheduled_at: datetime


class SeenWorkflow(Message):
    """One workflow that led to a record; `left_out` is how many of its steps are left out, for there were too many."""

    app_id: str
    workflow: str
    instance_id: str
    steps: tuple[SeenStep, ...]
    left_out: int = 0


class AppendAuditRecord(Message):
    """Append the task's record. `lineage`: its callers, the oldest first; empty if they share no history."""

    task_id: str
    action: str
    lineage: tuple[SeenWorkflow, ...] = ()


class AuditRecordView(View):
    """`GET /records/{id}`. `content` is as it was hashed; of an audit it is the action and its `SeenWorkflow`s."""

    audit_id: str
    number: int
    kind: str
    subject: str
    content: dict[str, Any]
    recorded_at: Moment
    previous_hash: str
    hash: str


class AuditRecordPage(Items[AuditRecordView]):
    """`GET /records`, oldest first."""

    next_after: int | None


class AuditHead(View):
    """`GET /head`: the newest record; `anchor` is what people note down."""

    number: int
    hash: str
    anchor: str


class BrokenRecord(View):
    """The first record that is not as it was appended."""

    number: int
    what: str
    what_to_do: str


class AuditVerdict(View):
    """`GET /verify`. `records`: how many hold; `anchor`: the head, if all do."""

    holds: bool
    records: int
    anchor: str | None
    broken: BrokenRecord | None


COMPLIANCE_AUDIT: Final = ChildContract(
    AUDIT_SERVICE, "compliance_audit_workflow", ComplianceAudit, ComplianceAudited, TASK_SECONDS
)
"""Called with `audit_instance_id` as its instance id, and with the caller's history (`PropagationScope.LINEAGE`)."""
APPEND_AUDIT_RECORD: Final = Contract(
    AUDIT_SERVICE, "append_audit_record", AppendAuditRecord, ComplianceAudited, UNTIL_DONE, None
)


def audit_instance_id(task_id: str) -> str:
    """The instance id of the task's audit, which is its key on the record as well."""
    return f"audit-{task_id}"


AUDIT: Final = App(
    app_id=AUDIT_SERVICE,
    group=TASKS,
    contracts=(APPEND_AUDIT_RECORD,),
    children=(COMPLIANCE_AUDIT,),
    # It appends to what the role "audit_service" owns, and changes nothing.
    databases={"SERVICE_DATABASE_URL": "audit_writer"},
)
