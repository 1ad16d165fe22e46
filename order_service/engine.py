"""What orders need of the workflow engine."""

from typing import Protocol

from shared.shop.order import ORDER_RECOVERY_WORKFLOW, ORDER_WORKFLOW, PlacedOrder, RecoverOrder
from shared.workflows.client import DaprEngine, WorkflowCare, WorkflowTeller


class WorkflowEngine(WorkflowTeller, Protocol):
    """Starts orders, and tells them. Every call may raise `EngineAwayError`: try again later."""

    async def start(self, order: PlacedOrder) -> None:
        """Start the order's workflow; no harm if it is running already."""


class WorkflowAdmin(WorkflowEngine, WorkflowCare, Protocol):
    """What looking after orders needs besides."""

    async def start_recovery(self, instance_id: str, recovery: RecoverOrder) -> None:
        """Start a recovery under an id of its own; no harm if it is running already."""


class OrderEngine(DaprEngine):
    """The workflow engine of the order-service's sidecar. Belongs to one event loop."""

    async def start(self, order: PlacedOrder) -> None:
        await self.schedule(ORDER_WORKFLOW, order.order_id, order)

    async def start_recovery(self, instance_id: str, recovery: RecoverOrder) -> None:
        await self.schedule(ORDER_RECOVERY_WORKFLOW, instance_id, recovery)
