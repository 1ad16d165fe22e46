"""The JSON bodies of the approval service."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from shared.shop.approval import ApprovalState
from shared.web.bodies import Body, Printable, Text


class Verdict(StrEnum):
    """What a person can say."""

    APPROVE = "approve"
    REJECT = "reject"

    @property
    def state(self) -> ApprovalState:
        """What the approval becomes by it."""
        return ApprovalState.APPROVED if self is Verdict.APPROVE else ApprovalState.REJECTED


class ApprovalBody(Body):
    """`POST /orders/{id}/approval`. A rejection needs a reason, which the order's customer may read."""

    decision: Verdict
    by: Text
    reason: Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000), Printable] = ""

    @model_validator(mode="after")
    def _reasoned(self) -> "ApprovalBody":
        if self.decision is Verdict.REJECT and not self.reason:
            raise ValueError("reject needs a reason: it becomes the order's")
        return self


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
