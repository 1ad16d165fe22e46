"""How a task's row is shown."""

from typing import Any

from sqlalchemy import Row

from shared.shop.task import TaskResult, TaskStatus
from shared.shop.views import TaskView


def task_view(row: Row[Any]) -> TaskView:
    """The task, from its row."""
    shown = {
        **TaskResult.model_validate(row.result).model_dump(),
        # Who has it and how it is packed is known before the end, and nobody's after a failure: the row's.
        **row._asdict(),
        "lines": row.accepted["lines"],
        "start_error": row.start_error if row.status == TaskStatus.ACCEPTED else None,
        "steps": row.timeline["steps"],
    }
    return TaskView.model_validate(shown)
