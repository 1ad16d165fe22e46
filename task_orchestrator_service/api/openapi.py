"""The OpenAPI document, made from the same models that read the requests."""

from typing import Any, Final

from pydantic import BaseModel

from shared.service.about import About
from shared.shop.task import TaskStatus
from shared.shop.views import TaskAccepted, TaskPage, TaskView
from shared.web.bodies import Problem
from shared.web.openapi import COMMON_PATHS, CURSOR, KEY, LIMIT, operation, parameter, schemas_of
from task_orchestrator_service.task_service import TaskBody

_MODELS: Final[tuple[type[BaseModel], ...]] = (About, Problem, TaskAccepted, TaskPage, TaskBody, TaskView)


def openapi_document() -> dict[str, Any]:
    """OpenAPI 3.1 of the task-orchestrator-service."""
    task_id = parameter("task_id", "path", "The task's id.", required=True)
    status = parameter("status", "query", f"One of {', '.join(TaskStatus)}.")
    return {
        "openapi": "3.1.0",
        "info": {"title": "saga-shop tasks", "version": "1.0.0", "description": "Pick-and-pack tasks."},
        "paths": {
            "/tasks": {
                "post": operation(
                    "Submit a task", {202: TaskAccepted}, [400, 403, 409, 413, 422, 503], [KEY], body=TaskBody
                ),
                "get": operation("List tasks, newest first", {200: TaskPage}, [422, 503], [status, LIMIT, CURSOR]),
            },
            "/tasks/{task_id}": {"get": operation("Show a task", {200: TaskView}, [404, 503], [task_id])},
            **COMMON_PATHS,
        },
        "components": {"schemas": schemas_of(_MODELS)},
    }
