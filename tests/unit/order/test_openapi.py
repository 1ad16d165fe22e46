"""The OpenAPI document is true to the routes."""

from typing import Any

import pytest

from order_service.api.openapi import openapi_document
from order_service.api.routes import OrderApi

pytestmark = pytest.mark.unit

HOST_ROUTES = {("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/metrics"), ("GET", "/about")}
"""Every service has these; `shared/web/http.py` adds them."""


def documented() -> set[tuple[str, str]]:
    paths = openapi_document()["paths"]
    return {(method.upper(), path) for path, operations in paths.items() for method in operations}


def test_every_route_is_documented_and_nothing_else() -> None:
    """Clients are generated from the document."""
    nobody: Any = None
    api = OrderApi(
        orders=nobody,
        acceptance=nobody,
        catalogue=nobody,
        starter=nobody,
        events=nobody,
        conservation=nobody,
        reconciler=nobody,
        repairs=nobody,
        approvals=nobody,
        returns=nobody,
    )

    assert documented() == {(route.method, route.path) for route in api.routes()} | HOST_ROUTES


def references(value: object) -> set[str]:
    if isinstance(value, dict):
        found = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return found.union(*(references(one) for one in value.values()))
    if isinstance(value, list):
        return set().union(*(references(one) for one in value))
    return set()


def test_every_reference_leads_somewhere() -> None:
    """A document with a dangling reference can't be used by any generator."""
    document = openapi_document()
    schemas = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}

    assert references(document) - schemas == set()


def test_every_path_parameter_is_declared() -> None:
    """`{order_id}` in a path without a declaration makes the document invalid."""
    paths = openapi_document()["paths"]

    assert any("{order_id}" in path for path in paths)
    for path, operations in paths.items():
        for operation in operations.values():
            declared = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
            assert declared == ({"order_id"} if "{order_id}" in path else set()), path


def test_every_operation_has_a_name_of_its_own_and_all_its_answers() -> None:
    """Generators name their functions by it; each may meet an outage of the database."""
    operations = [one for path in openapi_document()["paths"].values() for one in path.values()]
    names = [one["operationId"] for one in operations]

    assert len(names) == len(set(names)) > 15
    assert all(one["tags"] and {"500", "503"} <= one["responses"].keys() for one in operations)


def test_every_document_has_its_model() -> None:
    """Only the stream of events, and what every service has, is described by nothing."""
    operations = [one for path in openapi_document()["paths"].values() for one in path.values()]

    shapeless = {
        one["operationId"]
        for one in operations
        if one["tags"] != ["service"] and "content" not in next(iter(one["responses"].values()))
    }
    assert {"follow_order"} == shapeless
