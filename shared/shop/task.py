"""Messages of the task-orchestrator-service: the workflows' input and their local activities."""

from datetime import datetime
from enum import StrEnum
from typing import Final

from shared.contracts.app import App
from shared.contracts.call import Fault
from shared.contracts.contract import UNTIL_DONE, Contract
from shared.contracts.message import Message
from shared.contracts.timeline import Timeline
from shared.shop.audit import COMPLIANCE_AUDIT
from shared.shop.groups import TASKS
from shared.shop.inference import RUN_ML_INFERENCE
from shared.shop.inventory import StockLine
from shared.shop.notification import SEND_EMAIL, SEND_PUSH

TASK_ORCHESTRATOR_SERVICE: Final = "task-orchestrator-service"


class TaskWorkflow(StrEnum):
    """What a task can go through."""

    PROCESSING = "task_processing_multi_app"
    WITH_AUDIT = "task_with_audit"


TASK_PROCESSING: Final = TaskWorkflow.PROCESSING.value
TASK_WITH_AUDIT: Final = TaskWorkflow.WITH_AUDIT.value


class TaskStatus(StrEnum):
    """How far a task has come."""

    ACCEPTED = "accepted"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    """Assigned, and those concerned know of it as far as they can be reached."""
    AUDITED = "audited"
    """On the audit record."""
    FAILED = "failed"
    """It goes no further; the reason says why, and what to do."""

    @property
    def has_ended(self) -> bool:
        """Nothing more happens to the task."""
        return self in {TaskStatus.COMPLETED, TaskStatus.AUDITED, TaskStatus.FAILED}


class AcceptedTask(Message):
    """The input of the task workflows: pick and pack these lines, for this customer.

    `run_id` is new for every attempt to start the workflow: only the run that claims the task may act.
    `country` is where the parcel goes.
    `patience_seconds`: how long each call of an activity of another app is tried; None leaves it to its contract.
    """

    task_id: str
    run_id: str
    email: str
    user_id: str
    lines: tuple[StockLine, ...]
    total_cents: int
    currency: str
    country: str
    order_id: str | None = None
    faults: tuple[Fault, ...] = ()
    patience_seconds: float | None = None


class ValidateTask(Message):
    """Claim the task for this run of the workflow, and check that it can be done."""

    run_id: str


class TaskValidated(Message):
    """`claimed` is false if another run of the workflow owns the task; this one must end without a trace."""

    claimed: bool
    run_id: str


class AssignTask(Message):
    """Give the task to someone; `fraud_score` says how closely the order should be looked at: `UNSCORED` if unknown."""

    run_id: str
    fraud_score: float


UNSCORED: Final = 1.0
"""Stands for a score that couldn't be had: somebody looks at the order."""


class Lane(StrEnum):
    """How a task is packed."""

    STANDARD = "standard"
    INSPECTION = "inspection"
    """Somebody looks at the order before it is packed."""


class TaskAssigned(Message):
    """Who has the task, and in which lane."""

    assignee: str
    lane: Lane


class Notified(Message):
    """Whether a customer was notified of the task; if not, why: that doesn't keep it from being packed.

    `sent_at`: when it was sent, or given up.
    """

    sent: bool
    sent_at: datetime
    reason: str | None = None


class TaskResult(Message):
    """What came of a task, as far as it got."""

    assignee: str | None = None
    lane: Lane | None = None
    fraud_score: float | None = None
    model_version: str | None = None
    notifications: tuple[Notified, ...] = ()
    audit_id: str | None = None


class CloseTask(Message):
    """Record how the task ended; a failed one is nobody's any more."""

    run_id: str
    timeline: Timeline
    status: TaskStatus
    reason: str | None = None
    result: TaskResult = TaskResult()


class TaskClosed(Message):
    """The task's row says so. `owned` is false if another run owns the task."""

    status: TaskStatus
    owned: bool = True


VALIDATE_TASK: Final = Contract(
    TASK_ORCHESTRATOR_SERVICE, "validate_task", ValidateTask, TaskValidated, UNTIL_DONE, None
)
ASSIGN_TASK: Final = Contract(TASK_ORCHESTRATOR_SERVICE, "assign_task", AssignTask, TaskAssigned, UNTIL_DONE, None)
CLOSE_TASK: Final = Contract(TASK_ORCHESTRATOR_SERVICE, "close_task", CloseTask, TaskClosed, UNTIL_DONE, None)

TASK_ORCHESTRATOR: Final = App(
    app_id=TASK_ORCHESTRATOR_SERVICE,
    group=TASKS,
    contracts=(VALIDATE_TASK, ASSIGN_TASK, CLOSE_TASK),
    workflows=(TASK_PROCESSING, TASK_WITH_AUDIT),
    calls=(SEND_EMAIL, SEND_PUSH, RUN_ML_INFERENCE),
    calls_children=(COMPLIANCE_AUDIT,),
    takes_events=True,
    shows={"tasks": ("task_id", "order_id", "workflow", "status", "accepted_at", "ended_at")},
)
