"""The JSON documents of repairs."""

from typing import Annotated, Literal

from pydantic import Field

from shared.web.bodies import Body


class RepairRequested(Body):
    """The answer to a decision, and to every repeat of it."""

    repair_id: str
    order_id: str
    status: Literal["requested"] = "requested"


class RepairView(Body):
    """One decision of the audit trail; `outcome` and `detail` say what came of it."""

    repair_id: str
    step: str
    decision: Literal["retry", "skip", "settle"]
    by: str
    note: str
    status: Literal["requested", "sent", "applied"]
    outcome: Literal["undone", "settled", "written_off", "still_stuck", "not_needed"] | None
    detail: str | None
    requested_at: str
    sent_at: str | None
    applied_at: str | None


class RepairList(Body):
    """`GET /orders/{id}/repairs`, oldest first."""

    items: list[RepairView]


class StuckView(Body):
    """A compensation that gave up."""

    step: str
    activity: str
    app_id: str
    attempts: int
    error: str


class AttentionView(Body):
    """An order that waits for a person. `money_at_risk_cents` in minor units of `currency`; times are UTC."""

    order_id: str
    reason: str | None
    money_at_risk_cents: int
    currency: str
    since: str
    age_seconds: Annotated[float, Field(ge=0)]
    stuck: list[StuckView]


class AttentionPage(Body):
    """`GET /attention`, oldest first."""

    items: list[AttentionView]
    next_cursor: str | None
