"""Orders that wait for a person have no silent end: their number and their age are metrics that can raise an alarm."""

import asyncio
from typing import Final

import structlog
from prometheus_client import Gauge
from sqlalchemy.exc import SQLAlchemyError

from order_service.approvals import ApprovalStore
from order_service.repairs import RepairStore

COUNT_SECONDS: Final = 2.0

ORDERS: Final = Gauge("shop_orders_needing_attention", "Orders whose compensation gave up, waiting for a person")
OLDEST: Final = Gauge("shop_orders_needing_attention_oldest_seconds", "For how long the oldest of them has waited")
APPROVALS: Final = Gauge("shop_orders_waiting_for_approval", "Risky orders that wait for a person's approval")
OLDEST_APPROVAL: Final = Gauge(
    "shop_orders_waiting_for_approval_oldest_seconds", "For how long the oldest of them has waited"
)

log = structlog.get_logger()


async def watch_attention(repairs: RepairStore, approvals: ApprovalStore) -> None:
    """Keep the metrics true until cancelled."""
    while True:
        try:
            waiting = await repairs.count_waiting()
            unapproved = await approvals.count_waiting()
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            log.warning("orders that wait for a person not counted, trying again", error=str(error))
        else:
            ORDERS.set(waiting.orders)
            OLDEST.set(waiting.oldest_seconds)
            APPROVALS.set(unapproved.orders)
            OLDEST_APPROVAL.set(unapproved.oldest_seconds)
        await asyncio.sleep(COUNT_SECONDS)
