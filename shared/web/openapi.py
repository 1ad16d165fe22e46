"""OpenAPI 3.1 documents, made from the models that read the requests and those that answer them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from shared.service.about import About
from shared.web.bodies import Problem

_REFERENCE: Final = "#/components/schemas/"
_ALWAYS: Final = (HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.SERVICE_UNAVAILABLE)
"""Problems of every operation: the service's own mistake, and a database that is away."""

Parameter = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: its answers by status, and the statuses that are problem documents, besides 500 and 503.

    Its tag is the first part of its path. `route` is method and path.
    """

    operation_id: str
    route: str
    summary: str
    answers: dict[int, type[BaseModel] | None]
    problems: Sequence[int] = ()
    parameters: Sequence[Parameter] = ()
    body: type[BaseModel] | None = None


def parameter(name: str, place: str, description: str, *, required: bool = False, kind: str = "string") -> Parameter:
    """One parameter of an operation."""
    return {"name": name, "in": place, "required": required, "description": description, "schema": {"type": kind}}


def document(title: str, description: str, operations: Sequence[Operation]) -> dict[str, Any]:
    """The document of these operations, and of those that every service has."""
    paths: dict[str, dict[str, Any]] = {}
    models: set[type[BaseModel]] = {Problem}
    for one in (*operations, *_COMMON):
        method, path = one.route.split()
        tag = "service" if one in _COMMON else path.split("/")[1]
        paths.setdefault(path, {})[method.lower()] = _shown(one, tag)
        models |= {model for model in (*one.answers.values(), one.body) if model is not None}
    by_name = sorted(models, key=lambda model: model.__name__)
    _, schemas = models_json_schema([(one, "validation") for one in by_name], ref_template=_REFERENCE + "{model}")
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": "1.0.0", "description": description},
        "paths": paths,
        "components": {"schemas": schemas["$defs"]},
    }


def _shown(one: Operation, tag: str) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, model in one.answers.items():
        responses[str(status)] = {"description": HTTPStatus(status).phrase}
        if model is not None:
            responses[str(status)]["content"] = {"application/json": {"schema": _schema(model)}}
    for status in sorted({*one.problems, *_ALWAYS}):
        content = {"application/problem+json": {"schema": _schema(Problem)}}
        responses[str(int(status))] = {"description": HTTPStatus(status).phrase, "content": content}
    in_path = [parameter(name, "path", f"The {name}.", required=True) for name in re.findall(r"{(\w+)}", one.route)]
    shown: dict[str, Any] = {
        "operationId": one.operation_id,
        "tags": [tag],
        "summary": one.summary,
        "parameters": [*in_path, *one.parameters],
        "responses": responses,
    }
    if one.body is not None:
        shown["requestBody"] = {"required": True, "content": {"application/json": {"schema": _schema(one.body)}}}
    return shown


def _schema(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REFERENCE + model.__name__}


LIMIT: Final = parameter("limit", "query", "The page's size, 1 to 200.", kind="integer")
CURSOR: Final = parameter("cursor", "query", "`next_cursor` of the page before.")
KEY: Final = parameter(
    "Idempotency-Key", "header", "A fresh UUID per request; the same one on every retry.", required=True
)
_COMMON: Final = (
    Operation("show_openapi", "GET /openapi.json", "This document", {200: None}),
    Operation("show_health", "GET /healthz", "Is the process alive?", {200: None}),
    Operation("show_readiness", "GET /readyz", "Can it do its work?", {200: None}),
    Operation("show_about", "GET /about", "What it registered, its versions, its clock", {200: About}),
    Operation("show_metrics", "GET /metrics", "Prometheus metrics", {200: None}),
)
