"""The operations of the task-orchestrator-service, for its OpenAPI document."""

from typing import Any, Final

from shared.shop.task import TaskStatus
from shared.shop.views import TaskAccepted, TaskPage, TaskView
from shared.web.openapi import CURSOR, KEY, LIMIT, Operation, document, parameter
from task_orchestrator_service.task_service import TaskBody

_STATUS: Final = parameter("status", "query", f"One of {', '.join(TaskStatus)}.")

OPERATIONS: Final = (
    Operation(
        "submit_task", "POST /tasks", "Submit a task", {202: TaskAccepted}, (400, 403, 409, 413, 422), (KEY,), TaskBody
    ),
    Operation(
        "list_tasks", "GET /tasks", "List tasks, newest first", {200: TaskPage}, (422,), (_STATUS, LIMIT, CURSOR)
    ),
    Operation("show_task", "GET /tasks/{task_id}", "Show a task", {200: TaskView}, (404,)),
)


def openapi_document() -> dict[str, Any]:
    """OpenAPI 3.1 of the task-orchestrator-service."""
    return document("saga-shop tasks", "Pick-and-pack tasks.", OPERATIONS)
