"""The JSON bodies of the tasks' HTTP contract."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from shared.contracts.faults import Fault
from shared.web.bodies import Body, CustomerBody, LineBody, StepBody, Text

Country = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[A-Z]{2}$")]
Currency = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[A-Z]{3}$")]
Workflow = Literal["task_processing_multi_app", "task_with_audit"]
Status = Literal["accepted", "in_progress", "completed", "audited", "failed"]


class TaskBody(Body):
    """`POST /tasks`: pick and pack these lines. Money is in minor units; the country is where the parcel goes.

    `workflow`: what the task goes through. `order_id`: the order that it is for; no order has two tasks at a time.
    """

    workflow: Workflow = "task_processing_multi_app"
    customer: CustomerBody
    lines: Annotated[tuple[LineBody, ...], Field(min_length=1, max_length=100)]
    total_cents: Annotated[int, Field(ge=1, le=100_000_000_00, strict=True)]
    currency: Currency
    country: Country
    order_id: Text | None = None
    faults: Annotated[tuple[Fault, ...], Field(max_length=50)] = ()


class TaskAccepted(Body):
    """The answer to an accepted task, and to every repeat of it."""

    task_id: str
    status: Literal["accepted"] = "accepted"


class NotificationView(Body):
    sent: bool
    sent_at: str


class TaskView(Body):
    """`GET /tasks/{id}`. Times are ISO 8601 in UTC.

    `start_error`: why the workflow of a task that nobody has begun couldn't be started; it is tried again.
    """

    task_id: str
    workflow: Workflow
    origin: str
    order_id: str | None
    status: Status
    reason: str | None
    lines: list[dict[str, Any]]
    assignee: str | None
    lane: Literal["standard", "inspection"] | None
    fraud_score: float | None
    model_version: str | None
    notifications: list[NotificationView]
    audit_id: str | None
    accepted_at: str
    ended_at: str | None
    start_error: str | None
    restarts: int
    steps: list[StepBody]


class TaskPage(Body):
    """`GET /tasks`, newest first."""

    items: list[TaskView]
    next_cursor: str | None
