"""Takes a person's decision about a compensation that gave up, once, and has it carried out."""

from typing import Annotated, Any
from uuid import uuid4

from pydantic import StringConstraints, model_validator
from sqlalchemy import Row

from order_service.errors import UnknownOrderError, UnknownStepError
from order_service.orders import OrderStore
from order_service.repair.store import RepairStore, due_of
from order_service.starter import Starter
from shared.contracts.repair import Decision, StuckStep
from shared.shop.order import SAGA_ACTIVITIES
from shared.web.bodies import Body, Printable, Text
from shared.web.requests import check_same_request, request_hash


class RepairBody(Body):
    """`POST /orders/{id}/repairs`. `step`: the step or its compensation; skip and settle need a note: the reason."""

    step: Text
    decision: Decision
    by: Text
    note: Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000), Printable] = ""

    @model_validator(mode="after")
    def _reasoned(self) -> "RepairBody":
        if self.decision.is_by_hand and not self.note:
            raise ValueError(f"{self.decision} needs a note: why, and what was done by hand")
        return self


class RepairService:
    """Where a person decides."""

    def __init__(self, orders: OrderStore, repairs: RepairStore, starter: Starter) -> None:
        self._orders = orders
        self._repairs = repairs
        self._starter = starter

    async def decide(self, order_id: str, idempotency_key: str, body: RepairBody) -> str:
        """Take the decision and return its id; the same key and body get the same id, for good.

        Raises:
            RequestRefusedError: a sentence for the person; nothing was decided.
        """
        hash_now = request_hash(body, about=order_id)
        earlier = await self._repairs.by_key(idempotency_key)
        if earlier is not None:
            return _repeat(earlier, hash_now)
        order = await self._order(order_id)
        await self._repairs.request(
            {
                "repair_id": f"rep-{uuid4().hex}",
                "order_id": order_id,
                "idempotency_key": idempotency_key,
                "request_hash": hash_now,
                "step": _step(order, body.step),
                "decision": body.decision,
                "decided_by": body.by,
                "note": body.note,
            }
        )
        stored = await self._repairs.by_key(idempotency_key)
        if stored is None:
            raise AssertionError("a decision's row is never deleted")
        repair_id = _repeat(stored, hash_now)
        self._starter.repair(due_of(stored, order.instance_id))
        return repair_id

    async def of_order(self, order_id: str) -> list[Row[Any]]:
        """All decisions about the order, oldest first.

        Raises:
            UnknownOrderError: there is no such order.
        """
        await self._order(order_id)
        return list(await self._repairs.of_order(order_id))

    async def _order(self, order_id: str) -> Row[Any]:
        row = await self._orders.by_id(order_id)
        if row is None:
            raise UnknownOrderError(order_id=order_id)
        return row


def _step(order: Row[Any], named: str) -> str:
    """The step's own name; a person may name its compensation instead."""
    stuck = [StuckStep.model_validate(one) for one in order.stuck]
    names = {one.activity: one.step for one in stuck}
    if named not in names and named not in SAGA_ACTIVITIES:
        waiting = ", ".join(one.step for one in stuck) or "nothing"
        raise UnknownStepError(step=named, waiting=waiting)
    return names.get(named, named)


def _repeat(row: Row[Any], hash_now: str) -> str:
    check_same_request(row, hash_now, "decision")
    repair_id: str = row.repair_id
    return repair_id
