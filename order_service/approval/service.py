"""Takes a person's yes or no about a risky order, once, and signals the order's workflow."""

from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import StringConstraints, model_validator
from sqlalchemy import Row

from order_service.approval.store import ApprovalStore
from order_service.errors import (
    ApprovalEndedError,
    ApprovalError,
    ApprovalExpiredError,
    NoApprovalError,
    NothingToApproveError,
    UnknownOrderError,
)
from order_service.starter import Starter
from shared.shop.approval import ApprovalState
from shared.web.bodies import Body, Printable, Text

_TOO_LATE: Final = {
    ApprovalState.APPROVED: "was approved by {by} already: cancel the order instead, before it is completed",
    ApprovalState.REJECTED: "was rejected by {by} already, and is undone: it has to be placed anew",
    ApprovalState.EXPIRED: "was not approved in time, and is undone: it has to be placed anew",
    ApprovalState.CANCELLED: "was cancelled by its customer: there is nothing to decide",
    ApprovalState.DROPPED: "lost its workflow and was undone: it has to be placed anew",
}


class Verdict(StrEnum):
    """What a person can say."""

    APPROVE = "approve"
    REJECT = "reject"

    @property
    def state(self) -> ApprovalState:
        """What the approval becomes by it."""
        return ApprovalState.APPROVED if self is Verdict.APPROVE else ApprovalState.REJECTED


class ApprovalBody(Body):
    """`POST /orders/{id}/approval`. A rejection needs a reason, which its customer doesn't read."""

    decision: Verdict
    by: Text
    reason: Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000), Printable] = ""

    @model_validator(mode="after")
    def _reasoned(self) -> "ApprovalBody":
        if self.decision is Verdict.REJECT and not self.reason:
            raise ValueError("reject needs a reason: it stays on the record")
        return self


class ApprovalService:
    """Where a person approves or rejects."""

    def __init__(self, approvals: ApprovalStore, starter: Starter) -> None:
        self._approvals = approvals
        self._starter = starter

    async def decide(self, order_id: str, body: ApprovalBody) -> Row[Any]:
        """Decide, and give the order's row; the same decision again changes nothing and gets the first one.

        Raises:
            UnknownOrderError: there is no such order.
            ApprovalError: why nothing is to be decided about it.
        """
        decided = await self._approvals.decide(order_id, body.decision.state, body.by, body.reason)
        if decided is None:
            raise UnknownOrderError(order_id=order_id)
        if decided.is_new:
            self._starter.signal(order_id)
        elif decided.row.approval_state != body.decision.state:
            raise _why_not(decided.row)
        return decided.row

    async def of_order(self, order_id: str) -> Row[Any]:
        """The row of an order that waits for approval, or has.

        Raises:
            UnknownOrderError: there is no such order.
            NoApprovalError: it never needed approval.
        """
        row = await self._approvals.of_order(order_id)
        if row is None:
            raise UnknownOrderError(order_id=order_id)
        if row.approval_state is None:
            raise NoApprovalError(order_id=order_id, status=row.status)
        return row


def _why_not(row: Row[Any]) -> ApprovalError:
    if row.approval_state is None:
        return NothingToApproveError(order_id=row.order_id, status=row.status)
    state = ApprovalState(row.approval_state)
    if state is ApprovalState.WAITING:
        return ApprovalExpiredError(order_id=row.order_id)
    return ApprovalEndedError(order_id=row.order_id, why=_TOO_LATE[state].format(by=row.approval_by))
