"""Orders that wait for a person have no silent end: their number and their age are metrics that can raise an alarm."""

from typing import Final

from prometheus_client import Gauge

from order_service.approval.store import ApprovalStore
from order_service.repair.store import RepairStore
from shared.workflows.background import sweep_until_cancelled

COUNT_SECONDS: Final = 2.0

ORDERS: Final = Gauge("shop_orders_needing_attention", "Orders whose compensation gave up, waiting for a person")
OLDEST: Final = Gauge("shop_orders_needing_attention_oldest_seconds", "For how long the oldest of them has waited")
APPROVALS: Final = Gauge("shop_orders_waiting_for_approval", "Risky orders that wait for a person's approval")
OLDEST_APPROVAL: Final = Gauge(
    "shop_orders_waiting_for_approval_oldest_seconds", "For how long the oldest of them has waited"
)


async def watch_attention(repairs: RepairStore, approvals: ApprovalStore) -> None:
    """Keep the metrics true until cancelled."""

    async def count() -> None:
        waiting = await repairs.count_waiting()
        unapproved = await approvals.count_waiting()
        ORDERS.set(waiting.orders)
        OLDEST.set(waiting.oldest_seconds)
        APPROVALS.set(unapproved.orders)
        OLDEST_APPROVAL.set(unapproved.oldest_seconds)

    await sweep_until_cancelled(count, COUNT_SECONDS, failed="orders that wait for a person not counted, trying again")
