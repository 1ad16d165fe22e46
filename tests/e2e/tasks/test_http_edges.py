"""Every service of the shop, asked by somebody who means no good: no address and no header makes it fail."""

import http.client
import json
import re
from typing import Final
from urllib.parse import quote, urlsplit

import pytest

from devstack.settings import StackSettings
from shared.shop.registry import APPS
from tests.e2e.shop import Shop
from tests.e2e.tasks.routes import SHARED, routes
from tests.e2e.tasks.task_client import TaskClient

ROUTES: Final = routes()
SERVICES: Final = sorted({*ROUTES, *APPS} - {SHARED})
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


BODIES: Final = (
    b"",
    b"\xff\xfe",
    b"\0",
    b"null",
    b"[]",
    b"{}",
    b'""',
    b"NaN",
    b'{"a": 1e999}',
    b'{"a": "\\ud800"}',
    b'{"\\u0000": 1, "a": 1, "a": 2}',
    b'{"a": ' + b"9" * 5000 + b"}",
    b"[" * 30_000,
    b'{"id": 1, "type": "order.completed", "data": 7, "specversion": "1.0", "source": "", "subject": null}',
    b"sku,name,price_cents,currency,stock\n\0",
)
TYPES: Final = ("application/json", "application/cloudevents+json", "text/csv", "text/plain; charset=utf-7", "\u00fc")
KEYS: Final = ("k", "", "\u00fc", "x" * 300, "a\tb")


def status_of(url: str, method: str, path: str, headers: dict[str, str], body: bytes | None = None) -> int:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        body = response.read() if response.headers.get_content_type() != "text/event-stream" else b""
        if response.status >= 400 and method != "HEAD":
            assert response.headers.get_content_type() == "application/problem+json", (path, body)
            assert json.loads(body)["status"] == response.status
        return response.status
    finally:
        connection.close()


def filled(path: str, word: str) -> str:
    """The path with this word in all its places."""
    return re.sub(r"\{\w+\}", word, path)


def asked(paths: set[str]) -> list[tuple[str, str, dict[str, str]]]:
    """All that is asked: hostile words in the path, in each query, and in headers."""
    questions: list[tuple[str, str, dict[str, str]]] = []
    for path in sorted(paths):
        for word in HOSTILE:
            encoded = quote(word, safe="")
            if "{" in path:
                questions.append(("GET", filled(path, encoded), {}))
            else:
                questions += [("GET", f"{path}?{name}={encoded}", {}) for name in NAMES]
        plain = filled(path, "x")
        questions += [
            ("GET", plain + "?%ff=%ED%A0%80", {}),
            ("GET", plain + "?limit=1&limit=2&limit=", {}),
            ("GET", plain, {"Last-Event-ID": "9" * 50, "Accept-Encoding": "br;q=x", "Range": "bytes=9-1"}),
            ("HEAD", plain, {}),
            ("OPTIONS", plain, {}),
            ("TRACE", plain, {}),
        ]
    return questions


def paths_of(name: str, method: str) -> set[str]:
    """Those of the service and those that all have, and one that nobody has."""
    return {path for one, path in ROUTES.get(name, set()) | ROUTES[SHARED] if one == method} | {"/nothing/{here}"}


@pytest.mark.parametrize("name", SERVICES)
def test_no_address_and_no_header_makes_a_service_fail(
    settings_and_client: tuple[StackSettings, TaskClient], name: str
) -> None:
    stack = settings_and_client[1].stack
    stack.wait_ready()
    url = stack.urls()[name]

    failed = [
        (method, path, status)
        for method, path, headers in asked(paths_of(name, "GET"))
        if (status := status_of(url, method, path, headers)) >= 500
    ]

    assert failed == []


@pytest.mark.parametrize("name", SERVICES)
def test_no_body_makes_a_service_fail(settings_and_client: tuple[StackSettings, TaskClient], name: str) -> None:
    """Nothing of it is taken, either."""
    stack = settings_and_client[1].stack
    stack.wait_ready()
    url = stack.urls()[name]
    questions = [
        (filled(path, quote(word, safe="")), {"Content-Type": kind, "Idempotency-Key": key}, body)
        for path in sorted(paths_of(name, "POST"))
        for word in (HOSTILE if "{" in path else ("x",))
        for kind, key in zip(TYPES, KEYS, strict=True)
        for body in BODIES
    ]

    failed = [
        (path, headers, body[:80], status)
        for path, headers, body in questions
        if (status := status_of(url, "POST", path, headers, body)) >= 500
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
