"""The shop as its customers see it: one client through which the end-to-end tests read as a story."""

import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

from devstack.supervisor.client import StackClient
from tests import waiting

T = TypeVar("T")
eventually = waiting.eventually_blocking

ENDED: Final = {"completed", "compensated", "cancelled"}
END_SECONDS: Final = 90.0
DO: Final = ("reserve_stock", "process_payment", "book_shipment")
UNDO: Final = {
    "reserve_stock": "release_stock",
    "process_payment": "refund_payment",
    "book_shipment": "cancel_shipment",
}


@dataclass(frozen=True)
class Answer:
    """One HTTP answer."""

    status: int
    headers: dict[str, str]
    body: Any


@dataclass
class Shop:
    """Places orders and looks at them over plain HTTP."""

    stack: StackClient
    url: str
    placed: list[str] = field(default_factory=list)

    def answers(self) -> bool | None:
        """True once the service is ready, None before."""
        try:
            return self.call("GET", "/readyz").status == 200 or None
        except OSError:
            return None

    def call(
        self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None, *, raw: bytes = b""
    ) -> Answer:
        """One request; the answer's body is decoded if it is JSON."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=30)
        try:
            payload = raw or (json.dumps(body).encode() if body is not None else None)
            connection.request(method, path, payload, {"Content-Type": "application/json", **(headers or {})})
            response = connection.getresponse()
            text = response.read()
            kind = response.headers.get_content_type()
            decoded = json.loads(text) if kind.endswith("json") else text.decode()
            return Answer(response.status, dict(response.headers), decoded)
        finally:
            connection.close()

    def post_order(self, body: object, key: str | None = None) -> Answer:
        """`POST /orders` as it stands."""
        return self.call("POST", "/orders", body, {"Idempotency-Key": key or uuid4().hex})

    def order(self, *faults: dict[str, Any], key: str | None = None, **changes: Any) -> str:  # noqa: ANN401
        """Place an order that is accepted; its id."""
        answer = self.post_order(an_order(*faults, **changes), key)
        assert answer.status == 202, answer
        order_id: str = answer.body["order_id"]
        self.placed.append(order_id)
        return order_id

    def show(self, order_id: str) -> dict[str, Any]:
        answer = self.call("GET", f"/orders/{order_id}")
        assert answer.status == 200, answer
        shown: dict[str, Any] = answer.body
        return shown

    def end_of(self, order_id: str, seconds: float = END_SECONDS) -> dict[str, Any]:
        """The order once it has ended."""
        return eventually(
            lambda: _if(self.show(order_id), lambda order: order["status"] in ENDED), f"{order_id} ends", seconds
        )

    def reaches(self, order_id: str, step: str, outcome: str = "running") -> dict[str, Any]:
        """The order as soon as this step has this outcome."""
        return eventually(
            lambda: _if(self.show(order_id), lambda order: (step, outcome) in outcomes(order)),
            f"{order_id} has {step} {outcome}",
        )

    def conservation(self) -> dict[str, Any]:
        answer = self.call("GET", "/audit/conservation")
        assert answer.status == 200, answer
        report: dict[str, Any] = answer.body
        return report

    def all_end(self) -> None:
        """Every order that the test placed has ended, or needs attention with a reason."""
        for order_id in self.placed:
            eventually(
                lambda order_id=order_id: _if(  # type: ignore[misc] # bound now
                    self.show(order_id), lambda order: order["status"] in {*ENDED, "needs_attention"}
                ),
                f"{order_id} ends",
            )


def an_order(*faults: dict[str, Any], **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - parts of a JSON body
    """A body for `POST /orders`; `changes` are `sku`, `quantity`, `token`, `country` and `deadline_seconds`."""
    body: dict[str, Any] = {
        "customer": {"email": "ada@example.org", "user_id": "ada"},
        "lines": [{"sku": changes.get("sku", "DSK-CALENDAR"), "quantity": changes.get("quantity", 1)}],
        "payment": {"token": changes.get("token", "tok_visa")},
        "shipping_address": {
            "name": "Ada",
            "line1": "1 Analytical Way",
            "city": "Berlin",
            "postal_code": "10115",
            "country": changes.get("country", "DE"),
        },
    }
    if faults:
        body["faults"] = list(faults)
    if "deadline_seconds" in changes:
        body["deadline_seconds"] = changes["deadline_seconds"]
    return body


def fault(activity: str, mode: str, times: int = 1, seconds: float = 2.0) -> dict[str, Any]:
    return {"activity": activity, "mode": mode, "times": times, "seconds": seconds}


NO_PARCEL: Final = {"activity": "book_shipment", "mode": "refuse"}


def outcomes(order: dict[str, Any]) -> list[tuple[str, str]]:
    """The order's steps as (name, outcome)."""
    return [(step["name"], step["outcome"]) for step in order["steps"]]


def unless_away(ask: Callable[[], T | None]) -> T | None:
    """The answer, or None while the order-service is dead: some faults kill the front door."""
    try:
        return ask()
    except (OSError, http.client.HTTPException):
        return None


@contextmanager
def held(stack: StackClient, *names: str) -> Iterator[None]:
    """These processes are dead (SIGKILL) for as long as the block lasts, and ready again after it."""
    for name in names:
        stack.hold(name)
    try:
        yield
    finally:
        for name in names:
            stack.start(name)
        stack.wait_ready(*names)


def _if(value: T, holds: Callable[[T], bool]) -> T | None:
    return value if holds(value) else None
