"""The task-orchestrator-service's routes, as a table."""

from functools import partial
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from shared.shop.task import TaskStatus
from shared.shop.views import TaskAccepted
from shared.web.http import answer, idempotency_key_of
from shared.web.paging import page_of, read_status
from shared.web.problems import REQUEST_STATUSES, ProblemError, Statuses, answering, read_json
from task_orchestrator_service.api.openapi import openapi_document
from task_orchestrator_service.api.views import task_view
from task_orchestrator_service.errors import UnpackableError
from task_orchestrator_service.store import TaskStore
from task_orchestrator_service.task_service import TaskBody, TaskService

STATUSES: Final[Statuses] = {**REQUEST_STATUSES, UnpackableError: HTTPStatus.UNPROCESSABLE_ENTITY}
"""With which status each refusal is answered."""

OPENAPI: Final[dict[str, Any]] = openapi_document()


def task_routes(tasks: TaskStore, service: TaskService) -> list[web.RouteDef]:
    """The routes over `tasks`."""

    async def submit(request: web.Request) -> web.Response:
        key = idempotency_key_of(request, "task")
        body = await read_json(request, TaskBody)
        task_id = await service.accept(key, body)
        return answer(TaskAccepted(task_id=task_id), HTTPStatus.ACCEPTED, {"Location": f"/tasks/{task_id}"})

    async def show(request: web.Request) -> web.Response:
        task_id = request.match_info["task_id"]
        row = await tasks.by_id(task_id) if task_id.isprintable() else None
        if row is None:
            raise ProblemError(HTTPStatus.NOT_FOUND, f"There is no task {task_id!a}.", task_id=task_id)
        return answer(task_view(row))

    async def list_tasks(request: web.Request) -> web.Response:
        newest = partial(tasks.page, read_status(TaskStatus, request))
        return await page_of(request, newest, place=lambda row: (row.accepted_at, row.task_id), view=task_view)

    async def openapi(_: web.Request) -> web.Response:
        return web.json_response(OPENAPI)

    routes = [
        web.post("/tasks", submit),
        web.get("/tasks", list_tasks),
        web.get("/tasks/{task_id}", show),
        web.get("/openapi.json", openapi),
    ]
    return answering(STATUSES, routes)
