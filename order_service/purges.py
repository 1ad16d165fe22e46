"""Which orders' workflows are to be purged: an order's own, and each of its recoveries."""

from typing import Any

from sqlalchemy import ColumnElement, Row
from sqlalchemy.ext.asyncio import AsyncEngine

from order_service.recovery import RECOVERY, recovery_id
from order_service.tables import ORDERS
from shared.workflows.retention import RowPurges


class Purges(RowPurges):
    """Hands ended orders out to one process at a time. Belongs to the event loop of its database."""

    def __init__(self, database: AsyncEngine) -> None:
        super().__init__(database, ORDERS)

    def row_of(self, instance_id: str) -> str:
        return instance_id.partition(RECOVERY)[0]

    def instances_of(self, row: Row[Any]) -> tuple[str, ...]:
        recoveries = (recovery_id(row.order_id, number) for number in range(1, row.recoveries + 1))
        return (row.order_id, *recoveries)

    def may_run_late(self) -> ColumnElement[bool]:
        # A recovery says that the run before it was lost in the middle of something.
        return ORDERS.c.recoveries > 0
