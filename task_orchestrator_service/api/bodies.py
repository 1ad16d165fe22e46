"""The JSON bodies of the tasks' HTTP contract."""

from typing import Any, Literal

from shared.web.bodies import Body, StepBody
from task_orchestrator_service.task_service import Workflow

Status = Literal["accepted", "in_progress", "completed", "audited", "failed"]


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
