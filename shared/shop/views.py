"""The documents of orders and tasks: services answer with them, OpenAPI is made of them, the command line reads them.

Money is in minor units of `currency`. Times are ISO 8601 in UTC.
"""

from typing import Any, Literal

from shared.contracts.repair import Decision, RepairOutcome, RepairStatus, StuckStep
from shared.contracts.timeline import StepRecord
from shared.shop.approval import ApprovalState
from shared.shop.order import OrderStatus, ReturnKind
from shared.shop.task import Lane, TaskStatus
from shared.web.bodies import Age, Items, Moment, Page, View


class AcceptedBody(View):
    """The answer to an accepted order, and to every repeat of it. The total is what will be charged."""

    order_id: str
    total_cents: int
    currency: str
    status: Literal[OrderStatus.ACCEPTED] = OrderStatus.ACCEPTED


class CancelRequested(View):
    """The answer to a cancel that came in time, and to every repeat of it."""

    order_id: str
    status: Literal["cancelling"] = "cancelling"


class OrderView(View):
    """`GET /orders/{id}`. `approval`: where a person's approval stands, if the order needs one.

    `reason`: one of the fixed sentences for the customer (`shared/shop/reasons.py`); None unless the order was undone
    or needs attention. `error`: the whole story for operators, with apps, attempts and what they were answered.
    `returned_cents`: what of the total was given back after the order's end.
    """

    order_id: str
    status: OrderStatus
    reason: str | None
    error: str | None = None
    total_cents: int
    currency: str
    lines: list[dict[str, Any]]
    tracking_number: str | None
    money_at_risk_cents: int
    returned_cents: int = 0
    accepted_at: Moment
    deadline_at: Moment | None
    ended_at: Moment | None
    approval: ApprovalState | None
    steps: tuple[StepRecord, ...]


class OrderPage(Page[OrderView]):
    """`GET /orders`, newest first."""


class ApprovalView(View):
    """An order that waits for approval, or has; a person can decide until `due_at`.

    `score`, `model_version`: None if no score was to be had; `why` says so.
    """

    order_id: str
    state: ApprovalState
    why: str
    score: float | None
    model_version: str | None
    threshold: float
    amount_at_risk_cents: int
    currency: str
    since: Moment
    age_seconds: Age
    due_at: Moment
    by: str | None
    reason: str | None
    decided_at: Moment | None


class ApprovalPage(Page[ApprovalView]):
    """`GET /approvals`, the longest waiting first."""


class RepairRequested(View):
    """The answer to a decision, and to every repeat of it."""

    repair_id: str
    order_id: str
    status: Literal[RepairStatus.REQUESTED] = RepairStatus.REQUESTED


class RepairView(View):
    """A person's decision about a stuck compensation; `outcome` and `detail` say what came of it."""

    repair_id: str
    step: str
    decision: Decision
    by: str
    note: str
    status: RepairStatus
    outcome: RepairOutcome | None
    detail: str | None
    requested_at: Moment
    sent_at: Moment | None
    applied_at: Moment | None


class RepairList(Items[RepairView]):
    """`GET /orders/{id}/repairs`, oldest first."""


class ReturnView(View):
    """What was given back of a completed order after its end."""

    return_id: str
    order_id: str
    kind: ReturnKind
    amount_cents: int
    currency: str
    by: str
    note: str
    recorded_at: Moment


class ReturnList(Items[ReturnView]):
    """`GET /orders/{id}/returns`, oldest first."""


class AttentionView(View):
    """An order that waits for a person; `stuck`: its compensations that gave up. `error`: why, for operators."""

    order_id: str
    reason: str | None
    error: str | None = None
    money_at_risk_cents: int
    currency: str
    since: Moment
    age_seconds: Age
    stuck: tuple[StuckStep, ...]


class AttentionPage(Page[AttentionView]):
    """`GET /attention`, oldest first."""


class TaskAccepted(View):
    """The answer to an accepted task, and to every repeat of it."""

    task_id: str
    status: Literal[TaskStatus.ACCEPTED] = TaskStatus.ACCEPTED


class NotificationView(View):
    """Whether somebody was notified, and when; else why not."""

    sent: bool
    sent_at: Moment | None = None
    reason: str | None = None


class TaskRetried(View):
    """The answer to a retry, and to every repeat of it while the task goes on."""

    task_id: str
    status: TaskStatus


class TaskView(View):
    """`GET /tasks/{id}`.

    `start_error`: why the workflow of a task that nobody has begun couldn't be started; it is tried again.
    """

    task_id: str
    workflow: str
    origin: str
    order_id: str | None
    status: TaskStatus
    reason: str | None
    lines: list[dict[str, Any]]
    assignee: str | None
    lane: Lane | None
    fraud_score: float | None
    model_version: str | None
    notifications: tuple[NotificationView, ...]
    audit_id: str | None
    accepted_at: Moment
    ended_at: Moment | None
    start_error: str | None
    restarts: int
    steps: tuple[StepRecord, ...]


class TaskPage(Page[TaskView]):
    """`GET /tasks`, newest first."""
