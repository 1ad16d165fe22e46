"""The approval API over a real Postgres."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import text

from order_service.approval.store import ApprovalStore
from order_service.starter import Starter
from shared.shop.approval import ApprovalStanding, ApprovalState, HoldOrder
from tests.integration.api import Client
from tests.integration.order.world import ApiWorld, World
from tests.unit.order.fakes import FakeEngine

APPROVE = {"decision": "approve", "by": "ann"}
REJECT = {"decision": "reject", "by": "bob", "reason": "a stolen card"}


class ApprovalWorld(ApiWorld):
    """The API with this feature's requests."""

    def __init__(self, world: World, client: Client, engine: FakeEngine, starter: Starter) -> None:
        super().__init__(world, client, engine, starter)
        self.approvals = ApprovalStore(world.database)

    async def hold(self, order_id: str, *, seconds: float = 3600, run_id: str = "run-1") -> ApprovalStanding:
        hold = HoldOrder(
            run_id=run_id,
            why="risky",
            threshold=0.5,
            score=0.93,
            model_version="fraud-1",
            approval_seconds=seconds,
        )
        return await self.approvals.hold(order_id, hold)

    async def held(self, *, seconds: float = 3600) -> str:
        """An order that waits for approval."""
        order_id = await self.world.in_progress()
        assert (await self.hold(order_id, seconds=seconds)).state is ApprovalState.WAITING
        return order_id

    async def conclude(self, order_id: str) -> ApprovalStanding:
        return await self.approvals.conclude(order_id, "run-1")

    async def decide(self, order_id: str, body: object) -> tuple[int, Any]:
        response = await self.client.post(f"/orders/{order_id}/approval", json=body)
        return response.status, await response.json()

    async def state(self, order_id: str) -> str | None:
        row = await self.world.orders.by_id(order_id)
        assert row is not None
        state: str | None = row.approval_state
        return state

    async def record(self, order_id: str) -> list[tuple[str, str | None, str | None]]:
        """How the order's wait ended: (outcome, by, reason)."""
        statement = text("SELECT outcome, decided_by, reason FROM approvals WHERE order_id = :order_id")
        async with self.world.database.connect() as connection:
            rows = await connection.execute(statement, {"order_id": order_id})
            return [(row.outcome, row.decided_by, row.reason) for row in rows]

    async def execute(self, statement: str, order_id: str) -> None:
        async with self.world.database.begin() as tx:
            await tx.execute(text(statement), {"order_id": order_id})

    async def to_signal(self) -> list[str]:
        """Orders whose workflow is due to be signalled, now that every lease is over."""
        async with self.world.database.begin() as tx:
            await tx.execute(text("UPDATE orders SET approval_nudge_at = now() WHERE approval_nudge_at IS NOT NULL"))
        return await self.approvals.lease_signals(100)


def seconds_from_now(moment: datetime | None) -> float:
    assert moment is not None
    return (moment - datetime.now(UTC)).total_seconds()
