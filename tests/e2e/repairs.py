"""The repair API as a person uses it: which orders wait, what is decided, what came of it."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from tests.e2e.shop import NO_PARCEL, UNDO, Answer, Shop, eventually, fault

STEPS: Final = tuple(UNDO)
PARTICIPANT: Final = {
    "reserve_stock": "inventory-service",
    "process_payment": "payment-service",
    "book_shipment": "shipping-service",
}


@dataclass(frozen=True)
class Repairer:
    """Decides one shop's repairs over HTTP."""

    shop: Shop

    def parked(self, *steps: str, more: tuple[dict[str, Any], ...] = ()) -> str:
        """An order that waits for a decision about each of these steps; `more` faults strike after the first undo."""
        stuck = [fault(UNDO[step], "refuse") for step in steps]
        if "book_shipment" in steps:
            order_id = self.shop.order(fault("complete_order", "refuse"), *stuck, *more)
        else:
            order_id = self.shop.order(*stuck, *more, NO_PARCEL)
        self.wait_parked(order_id)
        return order_id

    def wait_parked(self, order_id: str) -> dict[str, Any]:
        """The order's entry in the list of those that need attention."""
        return eventually(lambda: self.waiting().get(order_id), f"{order_id} needs attention")

    def waiting(self) -> dict[str, dict[str, Any]]:
        """The orders that need attention."""
        answer = self.shop.call("GET", "/attention?limit=200")
        assert answer.status == 200, answer
        return {item["order_id"]: item for item in answer.body["items"]}

    def post(self, order_id: str, step: str, decision: str, key: str | None = None) -> Answer:
        """`POST /orders/{id}/repairs` as it stands."""
        body = {"step": step, "decision": decision, "by": "ann", "note": "called the bank"}
        return self.shop.call("POST", f"/orders/{order_id}/repairs", body, {"Idempotency-Key": key or uuid4().hex})

    def decide(self, order_id: str, step: str, decision: str, key: str | None = None) -> str:
        """Decide; the decision's id."""
        answer = self.post(order_id, step, decision, key)
        assert answer.status == 202, answer
        repair_id: str = answer.body["repair_id"]
        return repair_id

    def trail(self, order_id: str) -> list[dict[str, Any]]:
        """All decisions about the order."""
        answer = self.shop.call("GET", f"/orders/{order_id}/repairs")
        assert answer.status == 200, answer
        items: list[dict[str, Any]] = answer.body["items"]
        return items

    def applied(self, order_id: str, repair_id: str) -> dict[str, Any]:
        """The decision once it was carried out, or couldn't be."""

        def look() -> dict[str, Any] | None:
            (repair,) = [one for one in self.trail(order_id) if one["repair_id"] == repair_id]
            return repair if repair["status"] == "applied" else None

        return eventually(look, f"{repair_id} is applied", seconds=90)

    def closings(self, order_id: str) -> list[tuple[str, str, int, str]]:
        """What was closed by hand of the order, as conservation reports it: (step, status, amount, unit)."""
        return [
            (one["step"], one["status"], one["amount"], one["unit"])
            for one in self.shop.conservation()["closed_by_hand"]
            if one["order_id"] == order_id
        ]
