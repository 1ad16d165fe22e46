"""The JSON documents of approvals."""

from typing import Annotated, Literal

from pydantic import Field

from shared.web.bodies import Body


class ApprovalView(Body):
    """An order that waits for approval, or has. Amounts are in minor units of `currency`; times are UTC.

    `score`, `model_version`: None if no score was to be had; `why` says so. A person can decide until `due_at`.
    """

    order_id: str
    state: Literal["waiting", "approved", "rejected", "expired", "cancelled", "dropped"]
    why: str
    score: float | None
    model_version: str | None
    threshold: float
    amount_at_risk_cents: int
    currency: str
    since: str
    age_seconds: Annotated[float, Field(ge=0)]
    due_at: str
    by: str | None
    reason: str | None
    decided_at: str | None


class ApprovalPage(Body):
    """`GET /approvals`, the longest waiting first."""

    items: list[ApprovalView]
    next_cursor: str | None
