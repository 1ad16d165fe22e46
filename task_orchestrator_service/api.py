"""The task-orchestrator-service's HTTP API: its routes as a table, and their OpenAPI document."""

from functools import partial
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web
from sqlalchemy import Row

from shared.shop.task import TaskResult, TaskStatus
from shared.shop.views import TaskAccepted, TaskPage, TaskRetried, TaskView
from shared.web.http import answer, idempotency_key_of
from shared.web.openapi import CURSOR, KEY, LIMIT, Operation, document, parameter
from shared.web.paging import page_of, read_status
from shared.web.problems import REQUEST_STATUSES, ProblemError, Statuses, answering, read_json
from task_orchestrator_service.acceptance import (
    NothingToRetryError,
    TaskBody,
    TaskService,
    UnknownTaskError,
    UnpackableError,
)
from task_orchestrator_service.store import TaskStore

_STATUS: Final = parameter("status", "query", f"One of {', '.join(TaskStatus)}.")

OPERATIONS: Final = (
    Operation(
        "submit_task", "POST /tasks", "Submit a task", {202: TaskAccepted}, (400, 403, 409, 413, 422), (KEY,), TaskBody
    ),
    Operation(
        "list_tasks", "GET /tasks", "List tasks, newest first", {200: TaskPage}, (422,), (_STATUS, LIMIT, CURSOR)
    ),
    Operation("show_task", "GET /tasks/{task_id}", "Show a task", {200: TaskView}, (404,)),
    Operation("retry_task", "POST /tasks/{task_id}/retry", "Begin a failed task anew", {202: TaskRetried}, (404, 409)),
)


STATUSES: Final[Statuses] = {
    **REQUEST_STATUSES,
    UnpackableError: HTTPStatus.UNPROCESSABLE_ENTITY,
    UnknownTaskError: HTTPStatus.NOT_FOUND,
    NothingToRetryError: HTTPStatus.CONFLICT,
}
"""With which status each refusal is answered."""

OPENAPI: Final[dict[str, Any]] = document("saga-shop tasks", "Pick-and-pack tasks.", OPERATIONS)
"""OpenAPI 3.1 of the task-orchestrator-service."""


def task_routes(tasks: TaskStore, service: TaskService) -> list[web.RouteDef]:
    """The routes over `tasks`."""

    async def submit(request: web.Request) -> web.Response:
        key = idempotency_key_of(request, "task")
        body = await read_json(request, TaskBody)
        task_id = await service.accept(key, body)
        return answer(TaskAccepted(task_id=task_id), HTTPStatus.ACCEPTED, {"Location": f"/tasks/{task_id}"})

    async def show(request: web.Request) -> web.Response:
        task_id = _task_id_of(request)
        row = await tasks.by_id(task_id)
        if row is None:
            raise ProblemError(HTTPStatus.NOT_FOUND, f"There is no task {task_id!a}.", task_id=task_id)
        return answer(task_view(row))

    async def retry(request: web.Request) -> web.Response:
        task_id = _task_id_of(request)
        status = await service.retry(task_id)
        return answer(TaskRetried(task_id=task_id, status=status), HTTPStatus.ACCEPTED)

    async def list_tasks(request: web.Request) -> web.Response:
        newest = partial(tasks.page, read_status(TaskStatus, request))
        return await page_of(request, newest, place=lambda row: (row.accepted_at, row.task_id), view=task_view)

    async def openapi(_: web.Request) -> web.Response:
        return web.json_response(OPENAPI)

    routes = [
        web.post("/tasks", submit),
        web.get("/tasks", list_tasks),
        web.get("/tasks/{task_id}", show),
        web.post("/tasks/{task_id}/retry", retry),
        web.get("/openapi.json", openapi),
    ]
    return answering(STATUSES, routes)


def _task_id_of(request: web.Request) -> str:
    """The id in the path, if it could be one (Postgres wouldn't even take a NUL).

    Raises:
        ProblemError: 404.
    """
    task_id = request.match_info["task_id"]
    if not task_id.isprintable():
        raise ProblemError(HTTPStatus.NOT_FOUND, f"There is no task {task_id!a}.")
    return task_id


def task_view(row: Row[Any]) -> TaskView:
    """The task, from its row."""
    result = TaskResult.model_validate(row.result)
    shown = {
        **result.model_dump(),
        "notifications": [one.model_dump(exclude=None if one.sent else {"sent_at"}) for one in result.notifications],
        # Who has it and how it is packed is known before the end, and nobody's after a failure: the row's.
        **row._asdict(),
        "lines": row.accepted["lines"],
        "start_error": row.start_error if row.status == TaskStatus.ACCEPTED else None,
        "steps": row.timeline["steps"],
    }
    return TaskView.model_validate(shown)
