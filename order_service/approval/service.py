"""The approval service: takes a person's yes or no about a risky order, once, and tells the order's workflow."""

from http import HTTPStatus
from typing import Any, Final

from sqlalchemy import Row

from order_service.approval.bodies import ApprovalBody
from order_service.approval.store import ApprovalStore
from order_service.starter import Starter
from shared.shop.approval import ApprovalState
from shared.web.problems import ProblemError

_TOO_LATE: Final = {
    ApprovalState.APPROVED: "was approved by {by} already: cancel the order instead, before it is completed",
    ApprovalState.REJECTED: "was rejected by {by} already, and is undone: it has to be placed anew",
    ApprovalState.EXPIRED: "was not approved in time, and is undone: it has to be placed anew",
    ApprovalState.CANCELLED: "was cancelled by its customer: there is nothing to decide",
    ApprovalState.DROPPED: "lost its workflow and was undone: it has to be placed anew",
}


class ApprovalService:
    """Where a person approves or rejects."""

    def __init__(self, approvals: ApprovalStore, starter: Starter) -> None:
        self._approvals = approvals
        self._starter = starter

    async def decide(self, order_id: str, body: ApprovalBody) -> Row[Any]:
        """Decide, and give the order's row; the same decision again changes nothing and gets the first one.

        Raises:
            ProblemError: a sentence for the person; nothing was decided.
        """
        decided = await self._approvals.decide(order_id, body.decision.state, body.by, body.reason)
        if decided is None:
            raise ProblemError(HTTPStatus.NOT_FOUND, f"There is no order {order_id}.")
        if decided.is_new:
            self._starter.signal(order_id)
        elif decided.row.approval_state != body.decision.state:
            raise ProblemError(HTTPStatus.CONFLICT, _why_not(decided.row))
        return decided.row

    async def of_order(self, order_id: str) -> Row[Any]:
        """The row of an order that waits for approval, or has.

        Raises:
            ProblemError: 404 if there is no such order, or it never needed approval.
        """
        row = await self._approvals.of_order(order_id)
        if row is None:
            raise ProblemError(HTTPStatus.NOT_FOUND, f"There is no order {order_id}.")
        if row.approval_state is None:
            raise ProblemError(HTTPStatus.NOT_FOUND, _needless(row))
        return row


def _why_not(row: Row[Any]) -> str:
    if row.approval_state is None:
        return _needless(row)
    state = ApprovalState(row.approval_state)
    if state is ApprovalState.WAITING:
        return f"Order {row.order_id} was not approved in time, and is being undone: it has to be placed anew."
    return f"Order {row.order_id} {_TOO_LATE[state].format(by=row.approval_by)}."


def _needless(row: Row[Any]) -> str:
    return f"Order {row.order_id} waits for no approval: it is {row.status}."
