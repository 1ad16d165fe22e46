"""How a task's row is shown."""

from typing import Any

from sqlalchemy import Row

from shared.shop.task import TaskResult
from shared.web.views import iso, steps_view


def task_view(row: Row[Any]) -> dict[str, Any]:
    """The row as `GET /tasks/{id}` shows it (see `TaskView`)."""
    result = TaskResult.model_validate(row.result).model_dump(mode="json")
    return {
        "task_id": row.task_id,
        "workflow": row.workflow,
        "origin": row.origin,
        "order_id": row.order_id,
        "status": row.status,
        "reason": row.reason,
        "lines": row.accepted["lines"],
        **result,
        # Known before the end, and nobody's after a failure.
        "assignee": row.assignee,
        "lane": row.lane,
        "accepted_at": iso(row.accepted_at),
        "ended_at": iso(row.ended_at),
        "start_error": row.start_error if row.status == "accepted" else None,
        "restarts": row.restarts,
        "steps": steps_view(row.timeline),
    }
