"""The repair desk's part of the shop's HTTP contract."""

import json
from collections.abc import Iterator
from typing import TypedDict, cast
from urllib.parse import quote

from cli.shop_client import ShopClient


class StuckDoc(TypedDict):
    """A compensation that gave up."""

    step: str
    activity: str
    app_id: str
    attempts: int
    error: str


class AttentionDoc(TypedDict):
    """An order that waits for a person."""

    order_id: str
    reason: str | None
    money_at_risk_cents: int
    currency: str
    since: str
    age_seconds: float
    stuck: list[StuckDoc]


class RepairDoc(TypedDict):
    """A person's decision and what came of it."""

    repair_id: str
    step: str
    decision: str
    by: str
    note: str
    status: str
    outcome: str | None
    detail: str | None
    requested_at: str
    sent_at: str | None
    applied_at: str | None


class RepairClient(ShopClient):
    """A client of the desk."""

    def waiting(self) -> Iterator[AttentionDoc]:
        """All orders that need attention, oldest first."""
        return cast("Iterator[AttentionDoc]", self.pages("/attention"))

    def decide(self, order_id: str, body: dict[str, str], key: str) -> str:
        """Decide, and give the decision's id."""
        answer = self.call("POST", _repairs(order_id), json.dumps(body), {"Idempotency-Key": key})
        return cast("str", answer["repair_id"])

    def repairs(self, order_id: str) -> list[RepairDoc]:
        """All decisions about the order, oldest first."""
        return cast("list[RepairDoc]", self.call("GET", _repairs(order_id))["items"])


def _repairs(order_id: str) -> str:
    return f"/orders/{quote(order_id, safe='')}/repairs"
