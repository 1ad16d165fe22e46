"""The repair service: takes a person's decision about a compensation that gave up, once, and has it carried out."""

from http import HTTPStatus
from typing import Any
from uuid import uuid4

from sqlalchemy import Row

from order_service.orders import OrderStore
from order_service.repair.bodies import RepairBody
from order_service.repair.store import RepairStore, due_of
from order_service.starter import Starter
from shared.contracts.repair import StuckStep
from shared.shop.registry import ORDER_CONTRACTS
from shared.web.key import check_same_request, request_hash
from shared.web.problems import ProblemError


class RepairService:
    """Where a person decides."""

    def __init__(self, orders: OrderStore, repairs: RepairStore, starter: Starter) -> None:
        self._orders = orders
        self._repairs = repairs
        self._starter = starter

    async def decide(self, order_id: str, idempotency_key: str, body: RepairBody) -> str:
        """Take the decision and return its id; the same key and body get the same id, for good.

        Raises:
            ProblemError: a sentence for the person; nothing was decided.
        """
        hash_now = request_hash(body, about=order_id)
        earlier = await self._repairs.by_key(idempotency_key)
        if earlier is not None:
            return _repeat(earlier, hash_now)
        order = await self._order(order_id)
        why_not = await self._repairs.request(
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
        if why_not is not None:
            raise ProblemError(HTTPStatus.CONFLICT, why_not)
        stored = await self._repairs.by_key(idempotency_key)
        if stored is None:
            raise AssertionError("a decision's row is never deleted")
        repair_id = _repeat(stored, hash_now)
        self._starter.repair(due_of(stored, order.instance_id))
        return repair_id

    async def of_order(self, order_id: str) -> list[Row[Any]]:
        """All decisions about the order, oldest first.

        Raises:
            ProblemError: 404 if there is no such order.
        """
        await self._order(order_id)
        return list(await self._repairs.of_order(order_id))

    async def _order(self, order_id: str) -> Row[Any]:
        row = await self._orders.by_id(order_id)
        if row is None:
            raise ProblemError(HTTPStatus.NOT_FOUND, f"There is no order {order_id}.")
        return row


def _step(order: Row[Any], named: str) -> str:
    """The step's own name; a person may name its compensation instead."""
    stuck = [StuckStep.model_validate(one) for one in order.stuck]
    names = {one.activity: one.step for one in stuck}
    if named not in names and named not in {contract.activity for contract in ORDER_CONTRACTS}:
        waiting = ", ".join(one.step for one in stuck) or "nothing"
        detail = f"step: no step is named {named!r}; what waits for a decision is {waiting}."
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail)
    return names.get(named, named)


def _repeat(row: Row[Any], hash_now: str) -> str:
    check_same_request(row, hash_now, "decision")
    repair_id: str = row.repair_id
    return repair_id
