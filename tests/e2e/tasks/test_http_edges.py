"""Every service of the shop, asked by somebody who means no good: no address and no header makes it fail."""

import http.client
import json
from typing import Final
from urllib.parse import quote, urlsplit

import pytest

from devstack.settings import StackSettings
from shared.shop.registry import APPS
from tests.e2e.shop import Shop
from tests.e2e.tasks.task_client import TaskClient

PATHS: Final = {
    "order-service": (
        "/orders",
        "/orders/{}",
        "/orders/{}/events",
        "/orders/{}/repairs",
        "/orders/{}/approval",
        "/attention",
        "/approvals",
        "/products",
        "/audit/reconciliation",
        "/openapi.json",
    ),
    "inventory-service": ("/products", "/products/{}", "/catalogue/changes"),
    "payment-gateway": ("/v1/charges", "/v1/charges/{}", "/v1/books"),
    "notification-service": ("/notifications",),
    "audit-service": ("/records", "/records/{}", "/head", "/verify"),
    "task-orchestrator-service": ("/tasks", "/tasks/{}", "/openapi.json"),
    "event-relay": ("/dead-letters", "/dead-letters/{}"),
    "mailbox": ("/", "/messages", "/pushes"),
    "shipping-service": ("/shipments/{}",),
    "payment-service": (),
    "ml-inference-service": (),
}
OF_ALL: Final = ("/about", "/healthz", "/metrics", "/readyz", "/{}")
YEAR_ONE: Final = "MDAwMS0wMS0wMVQwMDowMDowMCsyMzo1OSB4"
"""A cursor: 0001-01-01T00:00:00+23:59 x."""
YEAR_9999: Final = "OTk5OS0xMi0zMVQyMzo1OTo1OS0yMzo1OSB4"
HOSTILE: Final = (
    "\0",
    "x\0y",
    "-1",
    "0",
    "9" * 20,
    "9" * 400,
    "1e9",
    "²",
    "\N{ARABIC-INDIC DIGIT ONE}",
    "NaN",
    "'; DROP TABLE orders; --",
    "../../etc/passwd",
    "\u202e\u2028",
    "😀" * 50,
    YEAR_ONE,
    YEAR_9999,
    "0001-01-01T00:00:00+23:59/x",
    "9999-12-31T23:59:59-23:59/x",
    "9" * 19 + ":" + "a" * 64,
)
NAMES: Final = (
    "cursor",
    "limit",
    "status",
    "since",
    "after",
    "subject",
    "saga_id",
    "anchor",
    "key",
    "recipient",
    "user_id",
)


def status_of(url: str, method: str, path: str, headers: dict[str, str]) -> int:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    try:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        body = response.read() if response.headers.get_content_type() != "text/event-stream" else b""
        if response.status >= 400 and method != "HEAD":
            assert response.headers.get_content_type() == "application/problem+json", (path, body)
            assert json.loads(body)["status"] == response.status
        return response.status
    finally:
        connection.close()


def asked(paths: tuple[str, ...]) -> list[tuple[str, str, dict[str, str]]]:
    """All that is asked: hostile words in the path, in each query, and in headers."""
    questions: list[tuple[str, str, dict[str, str]]] = []
    for path in paths:
        for word in HOSTILE:
            encoded = quote(word, safe="")
            if "{}" in path:
                questions.append(("GET", path.format(encoded), {}))
            else:
                questions += [("GET", f"{path}?{name}={encoded}", {}) for name in NAMES]
        plain = path.format("x")
        questions += [
            ("GET", plain + "?%ff=%ED%A0%80", {}),
            ("GET", plain + "?limit=1&limit=2&limit=", {}),
            ("GET", plain, {"Last-Event-ID": "9" * 50, "Accept-Encoding": "br;q=x", "Range": "bytes=9-1"}),
            ("HEAD", plain, {}),
            ("OPTIONS", plain, {}),
            ("TRACE", plain, {}),
        ]
    return questions


@pytest.mark.parametrize("name", sorted(PATHS))
def test_no_address_and_no_header_makes_a_service_fail(
    settings_and_client: tuple[StackSettings, TaskClient], name: str
) -> None:
    stack = settings_and_client[1].stack
    stack.wait_ready()
    url = stack.urls()[name]
    of_all = OF_ALL if name in APPS else ("/healthz", "/{}")

    failed = [
        (method, path, status)
        for method, path, headers in asked((*PATHS[name], *of_all))
        if (status := status_of(url, method, path, headers)) >= 500
    ]

    assert failed == []


def test_head_is_answered_at_once_where_a_get_takes_its_time(
    settings_and_client: tuple[StackSettings, TaskClient],
) -> None:
    """On a stream the answer's headers are all; a check of conservation isn't made for nobody."""
    stack = settings_and_client[1].stack
    shop = Shop(stack, stack.urls()["order-service"])
    order_id = shop.order()
    assert status_of(shop.url, "HEAD", f"/orders/{order_id}/events", {}) == 200
    assert shop.end_of(order_id)["status"] == "completed"
    assert status_of(shop.url, "HEAD", f"/orders/{order_id}/events", {}) == 200
    assert status_of(shop.url, "HEAD", "/audit/conservation", {}) == 405


def test_a_browser_that_has_seen_the_end_is_told_to_ask_no_more(
    settings_and_client: tuple[StackSettings, TaskClient],
) -> None:
    stack = settings_and_client[1].stack
    shop = Shop(stack, stack.urls()["order-service"])
    order_id = shop.order()
    shop.end_of(order_id)
    first = shop.call("GET", f"/orders/{order_id}/events")
    [last] = [line.removeprefix("id: ") for line in first.body.splitlines() if line.startswith("id: ")]

    assert first.headers["X-Accel-Buffering"] == "no"
    assert first.body.startswith("retry: ")
    connection = http.client.HTTPConnection(urlsplit(shop.url).netloc, timeout=30)
    for seen, status in (("0", 200), (last, 204), ("999999", 204)):
        connection.request("GET", f"/orders/{order_id}/events", headers={"Last-Event-ID": seen})
        response = connection.getresponse()
        assert (seen, response.status) == (seen, status)
        response.read()
    connection.close()
