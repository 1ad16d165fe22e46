"""Orders as the tests place them."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from prometheus_client import REGISTRY
from sqlalchemy.ext.asyncio import AsyncEngine

from order_service.approval.store import ApprovalStore
from order_service.attention import watch_attention
from order_service.orders import OrderStore
from order_service.repair.store import RepairStore
from order_service.starter import Starter
from shared.contracts.timeline import Timeline
from shared.participant.errors import Refused
from shared.shop.order import CloseOrder, OrderRecorded, OrderStatus
from tests.integration.api import Client
from tests.integration.turns import in_turn
from tests.unit.order.fakes import FakeEngine
from tests.waiting import eventually

TIMELINE: Final = Timeline(version=7)


class World:
    """The orders' store, and what a test does with it in one word."""

    def __init__(self, database: AsyncEngine) -> None:
        self.database = database
        self.orders = OrderStore(database)

    async def accepted(self, *, deadline_seconds: float = 300, user_id: str = "ada") -> str:
        """An order that was accepted; should it be approved, it has 300 s from then on."""
        order_id = f"ord-{uuid4().hex}"
        stored = await self.orders.accept(
            {
                "order_id": order_id,
                "idempotency_key": order_id,
                "request_hash": "hash",
                "customer": {"user_id": user_id},
                "lines": [],
                "total_cents": 100,
                "currency": "EUR",
                "deadline_at": datetime.now(UTC) + timedelta(seconds=deadline_seconds),
                "placed": {"fraud_check": {"deadline_seconds": 300}},
                "timeline": Timeline(version=0).model_dump(mode="json"),
            }
        )
        assert stored
        return order_id

    async def in_progress(self, *, deadline_seconds: float = 300) -> str:
        """An order that the run `run-1` has claimed."""
        order_id = await self.accepted(deadline_seconds=deadline_seconds)
        assert (await self.orders.claim(order_id, "run-1")).claimed
        return order_id

    async def complete(self, order_id: str, run_id: str = "run-1") -> None:
        await self.orders.complete(order_id, TIMELINE, "TRACK-1", run_id)

    async def completes(self, order_id: str) -> bool:
        """Whether the pivot isn't refused."""
        try:
            await self.complete(order_id)
        except Refused:
            return False
        return True

    async def in_turn(self, order_id: str, *rivals: Callable[[], Awaitable[object]]) -> list[Any]:
        """What the rivals answer, who take the order's row in this order."""
        return await in_turn(self.database, f"orders WHERE order_id = '{order_id}'", *rivals)

    async def close(self, order_id: str, reason: str = "card declined", *, run_id: str = "run-1") -> OrderStatus:
        return (await self.recorded_end(order_id, reason, run_id=run_id)).status

    async def recorded_end(self, order_id: str, reason: str, *, run_id: str) -> OrderRecorded:
        end = CloseOrder(timeline=TIMELINE, status=OrderStatus.COMPENSATED, reason=reason, run_id=run_id)
        return await self.orders.close(order_id, end)

    async def taken_over(self, order_id: str, *, replaces: str | None = "run-1", run_id: str = "recovery-1") -> bool:
        """Whether this recovery owns the order now."""
        timeline = await self.orders.take_over(
            order_id, run_id=run_id, replaces=replaces, instance_id=f"{order_id}-{run_id}"
        )
        return timeline is not None

    async def status(self, order_id: str) -> str:
        row = await self.orders.by_id(order_id)
        assert row is not None
        return str(row.status)


class ApiWorld:
    """The HTTP API, the orders' rows, and an engine that is away as often as a test says."""

    def __init__(self, world: World, client: Client, engine: FakeEngine, starter: Starter) -> None:
        self.world = world
        self.client = client
        self.engine = engine
        self.starter = starter

    async def get(self, path: str) -> Any:  # noqa: ANN401 - JSON
        response = await self.client.get(path)
        return await response.json()


async def count_waiting(engine: AsyncEngine, name: str, orders: int) -> None:
    """Count who waits for a person until this metric says so many.

    Raises:
        AssertionError: it never did.
    """
    counting = asyncio.create_task(watch_attention(RepairStore(engine), ApprovalStore(engine)))
    try:
        await eventually(lambda: metric(name) == orders)
    finally:
        counting.cancel()


def metric(name: str) -> float:
    """What this process's metrics say of it."""
    value = REGISTRY.get_sample_value(name)
    assert value is not None
    return value
