"""The JSON bodies of the HTTP contract."""

from typing import Any, Literal

from shared.web.bodies import Body, StepBody


class AcceptedBody(Body):
    """The answer to an accepted order, and to every repeat of it."""

    order_id: str
    status: Literal["accepted"] = "accepted"


class OrderView(Body):
    """`GET /orders/{id}`. Money is in minor units of `currency`; times are ISO 8601 in UTC.

    `approval`: where a person's approval stands, if the order needs one.
    """

    order_id: str
    status: Literal["accepted", "in_progress", "completed", "compensated", "cancelled", "needs_attention"]
    reason: str | None
    total_cents: int
    currency: str
    lines: list[dict[str, Any]]
    tracking_number: str | None
    money_at_risk_cents: int
    accepted_at: str
    deadline_at: str | None
    ended_at: str | None
    approval: Literal["waiting", "approved", "rejected", "expired", "cancelled", "dropped"] | None
    steps: list[StepBody]


class OrderPage(Body):
    """`GET /orders`, newest first."""

    items: list[OrderView]
    next_cursor: str | None


class ProductView(Body):
    sku: str
    name: str
    price_cents: int
    currency: str
    available: int


class ProductPage(Body):
    """`GET /products`."""

    items: list[ProductView]
    next_cursor: str | None
