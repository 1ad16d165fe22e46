"""The repair API over a real Postgres."""

from typing import Any

from sqlalchemy import text

from order_service.repair.store import RepairStore
from order_service.starter import Starter
from shared.contracts.repair import AppliedRepair, RepairDecision, StuckStep
from shared.shop.order import CloseOrder, OrderStatus, ParkOrder
from tests.integration.api import Client
from tests.integration.order.world import TIMELINE, ApiWorld, World
from tests.unit.order.fakes import FakeEngine
from tests.waiting import eventually

PAYMENT = StuckStep(
    step="process_payment", activity="refund_payment", app_id="payment-service", attempts=3, error="the bank is away"
)
STOCK = StuckStep(
    step="reserve_stock", activity="release_stock", app_id="inventory-service", attempts=1, error="refused"
)
SETTLE = {"step": "process_payment", "decision": "settle", "by": "ann", "note": "cash"}
RETRY = {"step": "process_payment", "decision": "retry", "by": "ann"}


class RepairWorld(ApiWorld):
    """The API with this feature's requests."""

    def __init__(self, world: World, client: Client, engine: FakeEngine, starter: Starter) -> None:
        super().__init__(world, client, engine, starter)
        self.repairs = RepairStore(world.database)

    async def parked(self, *stuck: StuckStep, repairs: tuple[AppliedRepair, ...] = ()) -> str:
        """An order that needs attention."""
        order_id = await self.world.in_progress()
        await self.park(order_id, *(stuck or (PAYMENT,)), repairs=repairs)
        return order_id

    async def park(self, order_id: str, *stuck: StuckStep, repairs: tuple[AppliedRepair, ...] = ()) -> None:
        park = ParkOrder(
            timeline=TIMELINE, reason="why", money_at_risk_cents=100, stuck=stuck, repairs=repairs, run_id="run-1"
        )
        await self.world.orders.park(order_id, park)

    async def close(self, order_id: str, *repairs: AppliedRepair) -> None:
        end = CloseOrder(
            timeline=TIMELINE, status=OrderStatus.COMPENSATED, reason="why", repairs=repairs, run_id="run-1"
        )
        await self.world.orders.close(order_id, end)

    async def decide(self, order_id: str, body: object, key: str | None = "key-1") -> tuple[int, Any]:
        headers = {} if key is None else {"Idempotency-Key": key}
        response = await self.client.post(f"/orders/{order_id}/repairs", json=body, headers=headers)
        return response.status, await response.json()

    async def trail(self, order_id: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = (await self.get(f"/orders/{order_id}/repairs"))["items"]
        return items

    async def due_now(self) -> None:
        """Let the lease of every decision run out."""
        async with self.world.database.begin() as tx:
            await tx.execute(text("UPDATE repairs SET due_at = now() WHERE applied_at IS NULL"))


async def raised(api: RepairWorld) -> list[RepairDecision]:
    """The decisions that the engine was sent, once the store knows that it was."""

    async def all_are_sent() -> bool:
        return not await unsent(api)

    await eventually(all_are_sent)
    return [payload for payload in api.engine.payloads if isinstance(payload, RepairDecision)]


async def unsent(api: RepairWorld) -> int:
    async with api.world.database.connect() as connection:
        count: int = (
            await connection.execute(text("SELECT count(*) FROM repairs WHERE sent_at IS NULL AND applied_at IS NULL"))
        ).scalar_one()
        return count
