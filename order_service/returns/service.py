"""Records what was given back of a completed order after its end: once per key, and never more than was charged.

The money itself moves elsewhere: at the gateway, at the bank, or by hand. The record is what explains it.
"""

from typing import Annotated, Any
from uuid import uuid4

from pydantic import Field, StringConstraints
from sqlalchemy import Row

from order_service.acceptance import MAX_TOTAL_CENTS
from order_service.returns.store import ReturnStore
from shared.shop.order import ReturnKind
from shared.web.bodies import Body, Printable, Text
from shared.web.requests import check_same_request, request_hash


class ReturnBody(Body):
    """`POST /orders/{id}/returns`: so much was given back, in minor units of the order's currency."""

    kind: ReturnKind
    amount_cents: Annotated[int, Field(ge=1, le=MAX_TOTAL_CENTS, strict=True)]
    currency: Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[A-Z]{3}$")]
    by: Text
    note: Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000), Printable] = ""


class ReturnService:
    """Where it is recorded."""

    def __init__(self, returns: ReturnStore) -> None:
        self._returns = returns

    async def record(self, order_id: str, idempotency_key: str, body: ReturnBody) -> Row[Any]:
        """Record it, and give its row; the same key and body get the same row, for good.

        Raises:
            RequestRefusedError: a sentence for the person; nothing was recorded.
        """
        hash_now = request_hash(body, about=order_id)
        stored = await self._returns.by_key(idempotency_key)
        if stored is None:
            await self._returns.record(
                {
                    "return_id": f"ret-{uuid4().hex}",
                    "order_id": order_id,
                    "idempotency_key": idempotency_key,
                    "request_hash": hash_now,
                    "kind": body.kind,
                    "amount_cents": body.amount_cents,
                    "currency": body.currency,
                    "recorded_by": body.by,
                    "note": body.note,
                }
            )
            stored = await self._returns.by_key(idempotency_key)
        if stored is None:
            raise AssertionError("a return's row is never deleted")
        check_same_request(stored, hash_now, "return")
        return stored
