"""The JSON bodies of the HTTP contract."""

from typing import Annotated, Any, Literal

from pydantic import Field

from shared.contracts.faults import Fault
from shared.web.bodies import Body, CustomerBody, LineBody, StepBody, Text


class PaymentBody(Body):
    token: Text


class AddressBody(Body):
    name: Text
    line1: Text
    city: Text
    postal_code: Text
    country: Text


class OrderBody(Body):
    """`POST /orders`. `deadline_seconds`: an order that isn't completed by then is undone; None: the shop's default."""

    customer: CustomerBody
    lines: Annotated[tuple[LineBody, ...], Field(min_length=1, max_length=100)]
    payment: PaymentBody
    shipping_address: AddressBody
    deadline_seconds: Annotated[int, Field(ge=1, le=86_400, strict=True)] | None = None
    faults: Annotated[tuple[Fault, ...], Field(max_length=50)] = ()


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
