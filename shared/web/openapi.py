"""The parts of an OpenAPI 3.1 document, made from the same models that read the requests."""

from collections.abc import Sequence
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from shared.service.about import About
from shared.web.bodies import Problem

_REFERENCE: Final = "#/components/schemas/"


def operation(
    summary: str,
    answers: dict[int, type[BaseModel] | None],
    problems: list[int],
    parameters: list[dict[str, Any]],
    *,
    body: type[BaseModel] | None = None,
) -> dict[str, Any]:
    """One operation: its answers by status, and the statuses that are problem documents."""
    responses: dict[str, Any] = {}
    for status, model in answers.items():
        responses[str(status)] = {"description": "OK"}
        if model is not None:
            responses[str(status)]["content"] = {"application/json": {"schema": _schema(model)}}
    for status in problems:
        content = {"application/problem+json": {"schema": _schema(Problem)}}
        responses[str(status)] = {"description": "A problem, with a sentence", "content": content}
    operation: dict[str, Any] = {"summary": summary, "parameters": parameters, "responses": responses}
    if body is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": _schema(body)}}}
    return operation


def parameter(
    name: str, place: str, description: str, *, required: bool = False, kind: str = "string"
) -> dict[str, Any]:
    """One parameter of an operation."""
    return {"name": name, "in": place, "required": required, "description": description, "schema": {"type": kind}}


def _schema(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REFERENCE + model.__name__}


def schemas_of(models: Sequence[type[BaseModel]]) -> dict[str, Any]:
    """`components.schemas` of the document."""
    _, schemas = models_json_schema([(model, "validation") for model in models], ref_template=_REFERENCE + "{model}")
    definitions: dict[str, Any] = schemas["$defs"]
    return definitions


LIMIT: Final = parameter("limit", "query", "The page's size, 1 to 200.", kind="integer")
CURSOR: Final = parameter("cursor", "query", "`next_cursor` of the page before.")
KEY: Final = parameter(
    "Idempotency-Key", "header", "A fresh UUID per request; the same one on every retry.", required=True
)
COMMON_PATHS: Final[dict[str, Any]] = {
    "/openapi.json": {"get": operation("This document", {200: None}, [], [])},
    "/healthz": {"get": operation("Is the process alive?", {200: None}, [], [])},
    "/readyz": {"get": operation("Can it do its work?", {200: None}, [503], [])},
    "/about": {"get": operation("What it registered, its versions, its clock", {200: About}, [], [])},
    "/metrics": {"get": operation("Prometheus metrics", {200: None}, [], [])},
}
