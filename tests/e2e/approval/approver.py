"""The approval API as a person uses it: which orders wait, what is decided, what became of it."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from tests.e2e.shop import Answer, Shop, an_order, eventually, unless_away

SCORED: Final = ("run_ml_inference", "done")


@dataclass(frozen=True)
class Approver:
    """Decides one shop's approvals over HTTP."""

    shop: Shop

    def risky(self, *faults: dict[str, Any]) -> str:
        """Place an order as a thief would: five costly things, from abroad, by a mailbox that nobody keeps."""
        name = uuid4().hex[:10]
        body = {
            **an_order(*faults, sku="KIT-GRINDER-ELEC", quantity=5, country="US"),
            "customer": {"email": f"{name}@mailinator.com", "user_id": name},
        }
        return self.place(body)

    def harmless(self, *faults: dict[str, Any]) -> str:
        """Place an order of a customer who was never seen before."""
        name = uuid4().hex
        return self.place({**an_order(*faults), "customer": {"email": "grace@example.org", "user_id": name}})

    def place(self, body: dict[str, Any]) -> str:
        answer = self.shop.post_order(body)
        assert answer.status == 202, answer
        order_id: str = answer.body["order_id"]
        self.shop.placed.append(order_id)
        return order_id

    def waiting(self) -> dict[str, dict[str, Any]]:
        """The orders that wait for approval."""
        answer = self.shop.call("GET", "/approvals?limit=200")
        assert answer.status == 200, answer
        return {item["order_id"]: item for item in answer.body["items"]}

    def wait_held(self, order_id: str) -> dict[str, Any]:
        """The order's entry in the list of those that wait."""
        return eventually(
            lambda: unless_away(lambda: self.waiting().get(order_id)), f"{order_id} waits for approval", seconds=90
        )

    def held(self, *faults: dict[str, Any]) -> str:
        """A risky order that waits for approval."""
        order_id = self.risky(*faults)
        self.wait_held(order_id)
        return order_id

    def say(self, order_id: str, decision: str, by: str = "ann") -> Answer:
        """`POST /orders/{id}/approval` as it stands."""
        body = {"decision": decision, "by": by, "reason": "a stolen card" if decision == "reject" else ""}
        return self.shop.call("POST", f"/orders/{order_id}/approval", body)

    def decide(self, order_id: str, decision: str) -> None:
        answer = self.say(order_id, decision)
        assert (answer.status, answer.body["by"]) == (200, "ann"), answer

    def end(self, order_id: str) -> str | None:
        """How the order's wait ended."""
        answer = self.shop.call("GET", f"/orders/{order_id}/approval")
        assert answer.status == 200, answer
        state: str = answer.body["state"]
        return state
