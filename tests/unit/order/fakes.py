"""Hand-written stand-ins for what the order-service talks to, and builders of bodies."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from order_service.acceptance import OrderBody
from order_service.catalogue import InventoryAwayError, PricedProduct
from order_service.repair.store import Due
from shared.contracts.message import Message
from shared.shop.order import ORDER_WORKFLOW, OrderStatus, PlacedOrder
from shared.workflows.client import EngineAwayError

TEA = PricedProduct("TEA", "Tea", 450, "EUR")
MUG = PricedProduct("MUG", "Mug", 1200, "EUR")
PEN = PricedProduct("PEN", "Pen", 300, "USD")
YACHT = PricedProduct("YACHT", "Yacht", 5_000_000_00, "EUR")


@dataclass
class FakeOrders:
    """Orders in memory, with the part of `OrderStore` that acceptance, cancellation and the starter use."""

    rows: dict[str, SimpleNamespace] = field(default_factory=dict)
    rival: dict[str, Any] | None = None
    """Values that a concurrent request stores first, just before `accept`."""
    unstarted: list[PlacedOrder] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    """Orders that were accepted, whose rows hold no order."""
    cancels: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    start_errors: dict[str, str] = field(default_factory=dict)
    failures: list[Exception] = field(default_factory=list)
    """Raised by the next sweeps, one each."""
    sweeps: int = 0
    last_day: int = 0
    counted: list[str] = field(default_factory=list)

    async def orders_last_day(self, user_id: str) -> int:
        self.counted.append(user_id)
        return self.last_day

    async def accept(self, values: dict[str, Any]) -> bool:
        if self.rival is not None:
            self._store(self.rival)
        if await self.by_key(values["idempotency_key"]) is not None:
            return False
        self._store(values)
        return True

    async def by_key(self, idempotency_key: str) -> Any:  # noqa: ANN401 - stands in for a Row
        return next((row for row in self.rows.values() if row.idempotency_key == idempotency_key), None)

    async def by_id(self, order_id: str) -> Any:  # noqa: ANN401 - stands in for a Row
        return self.rows.get(order_id)

    async def request_cancel(self, order_id: str) -> bool:
        row = self.rows.get(order_id)
        return row is not None and row.status in {OrderStatus.ACCEPTED, OrderStatus.IN_PROGRESS}

    async def lease_unstarted(self, limit: int) -> list[SimpleNamespace]:
        self.sweeps += 1
        if self.failures:
            raise self.failures.pop(0)
        broken = [SimpleNamespace(order_id=order_id, placed={}) for order_id in self.unreadable]
        sound = [SimpleNamespace(order_id=one.order_id, placed=one.model_dump(mode="json")) for one in self.unstarted]
        return [*broken, *sound][:limit]

    async def start_failed(self, order_id: str, error: str) -> None:
        self.start_errors[order_id] = error

    async def lease_cancels(self, limit: int) -> list[str]:
        return self.cancels[:limit]

    async def cancel_sent(self, order_id: str) -> None:
        self.sent.append(order_id)
        self.cancels = [one for one in self.cancels if one != order_id]

    def with_status(self, status: OrderStatus) -> "FakeOrders":
        self.rows["ord-1"] = SimpleNamespace(order_id="ord-1", status=status, idempotency_key="key-1")
        return self

    def _store(self, values: dict[str, Any]) -> None:
        self.rows[values["order_id"]] = SimpleNamespace(
            **{"status": OrderStatus.ACCEPTED, "accepted_at": datetime(2026, 1, 1, tzinfo=UTC), **values}
        )


@dataclass
class FakeRepairs:
    """Decisions in memory, with the part of `RepairStore` that the starter uses."""

    due: list[Due] = field(default_factory=list)
    marked: list[str] = field(default_factory=list)

    async def lease_unsent(self, limit: int) -> list[Due]:
        return self.due[:limit]

    async def sent(self, repair_id: str) -> None:
        self.marked.append(repair_id)
        self.due = [one for one in self.due if one.decision.repair_id != repair_id]


@dataclass
class FakeApprovals:
    """Approvals in memory, with the part of `ApprovalStore` that the starter uses."""

    due: list[str] = field(default_factory=list)
    confirmed: list[str] = field(default_factory=list)

    async def lease_signals(self, limit: int) -> list[str]:
        return self.due[:limit]

    async def signalled(self, order_id: str) -> None:
        self.confirmed.append(order_id)
        self.due = [one for one in self.due if one != order_id]


@dataclass
class FakeCatalogue:
    """Prices in memory."""

    products: tuple[PricedProduct, ...] = (TEA, MUG, PEN, YACHT)
    away: bool = False
    asked: int = 0
    newer: tuple[PricedProduct, ...] = ()
    """What the next sync brings."""

    async def sync(self) -> None:
        if self.away:
            raise InventoryAwayError("connection refused")
        self.products = (*self.newer, *(one for one in self.products if one.sku not in {new.sku for new in self.newer}))

    async def priced(self, skus: Iterable[str]) -> dict[str, PricedProduct]:
        self.asked += 1
        if self.away:
            raise InventoryAwayError("connection refused")
        wanted = set(skus)
        return {product.sku: product for product in self.products if product.sku in wanted}


@dataclass
class FakeStarter:
    """Remembers what it was sent."""

    started: list[PlacedOrder] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)

    def start(self, order: PlacedOrder) -> None:
        self.started.append(order)

    def cancel(self, order_id: str) -> None:
        self.cancelled.append(order_id)


@dataclass
class FakeEngine:
    """A workflow engine that is away for its first calls."""

    away_calls: int = 0
    calls: int = 0
    started: list[PlacedOrder] = field(default_factory=list)
    raised: list[tuple[str, str]] = field(default_factory=list)
    payloads: list[Message | None] = field(default_factory=list)

    async def schedule(self, workflow: str, instance_id: str, message: Message) -> None:
        self._answer()
        assert isinstance(message, PlacedOrder)
        assert (ORDER_WORKFLOW, message.order_id) == (workflow, instance_id)
        self.started.append(message)

    async def raise_event(self, order_id: str, event: str, payload: Message | None = None) -> None:
        self._answer()
        self.raised.append((order_id, event))
        self.payloads.append(payload)

    def _answer(self) -> None:
        self.calls += 1
        if self.calls <= self.away_calls:
            raise EngineAwayError("UNAVAILABLE: no sidecar")


def a_body_json(**changes: object) -> dict[str, Any]:
    """The JSON of a good order, with some fields changed."""
    return {
        "customer": {"email": "ada@example.org", "user_id": "ada"},
        "lines": [{"sku": "TEA", "quantity": 2}, {"sku": "MUG", "quantity": 1}],
        "payment": {"token": "tok_visa"},
        "shipping_address": {
            "name": "Ada",
            "line1": "1 Loop Road",
            "city": "London",
            "postal_code": "N1",
            "country": "GB",
        },
        **changes,
    }


def a_body(**changes: object) -> OrderBody:
    return OrderBody.model_validate_json(json.dumps(a_body_json(**changes)))
