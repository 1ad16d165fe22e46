"""The open orders as the reconciler watches them: which to look at, what is wrong with one, and who may recover it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import ColumnElement, Row, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from order_service.reconciler.findings import Finding, FindingKind
from order_service.recovery import recovery_id
from order_service.tables import ORDERS
from shared.contracts.contract import UNDO_SECONDS
from shared.shop.order import ORDER_STEPS, OrderStatus, PlacedOrder
from shared.workflows.client import Instance, InstanceStatus, UnreadableError

BATCH: Final = 200
"""Orders whose workflows are looked for in one sweep; those that weren't looked for the longest come first."""

# Skip locked rows: waiting for one while holding others could deadlock.
_DUE: Final = text("""
    WITH due AS (
        SELECT order_id FROM orders
        WHERE ended_at IS NULL AND accepted_at <= now() - make_interval(secs => :grace_seconds)
        ORDER BY checked_at NULLS FIRST LIMIT :limit
        FOR UPDATE SKIP LOCKED
    )
    UPDATE orders SET checked_at = now() FROM due WHERE orders.order_id = due.order_id
    RETURNING orders.order_id, instance_id, run_id, status,
        status <> 'needs_attention'
            AND greatest(coalesce(deadline_at, accepted_at), taken_over_at) + make_interval(secs => :margin_seconds
                + :undos * coalesce((placed ->> 'undo_patience_seconds')::float, :default_patience_seconds)
            ) < now() AS overdue,
        CASE WHEN status = 'needs_attention' THEN EXISTS (
            SELECT FROM repairs WHERE repairs.order_id = orders.order_id AND applied_at IS NULL
                AND greatest(requested_at, taken_over_at) + make_interval(secs => :decision_seconds) < now()
        ) ELSE
            greatest(coalesce(deadline_at, accepted_at), taken_over_at) + make_interval(secs => :late_seconds) < now()
        END AS late
""")

_UNSTARTED: Final = text("""
    SELECT order_id, 'accepted at ' || accepted_at::timestamptz(0) || ', and no workflow has claimed it since'
           || coalesce('; the engine says: ' || start_error, '') AS seen
    FROM orders WHERE status = 'accepted' AND accepted_at <= now() - make_interval(secs => :grace_seconds)
    ORDER BY accepted_at LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an order may take: after its deadline until it is late, after its undos' patience until it is overdue.

    `decision_seconds`: how long a person's decision may take, until an order that waits for a person is late.
    """

    late_seconds: float
    margin_seconds: float
    decision_seconds: float


@dataclass(frozen=True, slots=True)
class WatchedOrder:
    """An open order; `late` after its deadline, `overdue` if the patience of all its undos is over as well.

    One that waits for a person is late if it doesn't carry out what a person has decided, and never overdue.
    """

    order_id: str
    instance_id: str
    run_id: str | None
    status: OrderStatus
    late: bool
    overdue: bool


class Watch:
    """Reads open orders, and hands out recoveries. Belongs to the event loop of its database."""

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database

    async def unstarted(self, grace_seconds: float) -> Sequence[Row[tuple[str, str]]]:
        """(order_id, seen) of orders that no run of the workflow has claimed for so long."""
        async with self._database.connect() as connection:
            return (await connection.execute(_UNSTARTED, {"grace_seconds": grace_seconds, "limit": BATCH})).all()

    async def due(self, grace_seconds: float, patience: Patience) -> list[WatchedOrder]:
        """The next open orders to look at; none that was accepted less than `grace_seconds` ago.

        Each undo of an order has a patience of its own, one after the other, so that an order is overdue only after
        all of them.
        """
        values = {
            "grace_seconds": grace_seconds,
            "late_seconds": patience.late_seconds,
            "margin_seconds": patience.margin_seconds,
            "decision_seconds": patience.decision_seconds,
            "undos": len(ORDER_STEPS),
            "default_patience_seconds": UNDO_SECONDS,
            "limit": BATCH,
        }
        async with self._database.begin() as tx:
            rows = await tx.execute(_DUE, values)
            return [
                WatchedOrder(
                    order_id=row.order_id,
                    instance_id=row.instance_id or row.order_id,
                    run_id=row.run_id,
                    status=OrderStatus(row.status),
                    late=bool(row.late),
                    overdue=bool(row.overdue),
                )
                for row in rows
            ]

    async def is_still(self, order: WatchedOrder) -> bool:
        """The order is open, and owned by the same run."""
        statement = select(ORDERS.c.order_id).where(*_open_and_owned(order))
        async with self._database.connect() as connection:
            return (await connection.execute(statement)).first() is not None

    async def next_recovery(self, order: WatchedOrder, lease_seconds: float) -> tuple[str, PlacedOrder] | None:
        """An instance id that was never used, and the order; None if it has ended or another recovery is starting.

        `lease_seconds`: how long this recovery has for taking the order over before another one may be started.
        """
        statement = (
            update(ORDERS)
            .where(*_open_and_owned(order), func.coalesce(ORDERS.c.recovery_due_at, func.now()) <= func.now())
            .values(recoveries=ORDERS.c.recoveries + 1, recovery_due_at=func.now() + timedelta(seconds=lease_seconds))
            .returning(ORDERS.c.recoveries, ORDERS.c.placed)
        )
        async with self._database.begin() as tx:
            row = (await tx.execute(statement)).first()
        if row is None:
            return None
        placed = PlacedOrder.model_validate({**row.placed, "run_id": ""})
        return recovery_id(order.order_id, row.recoveries), placed


def _open_and_owned(order: WatchedOrder) -> tuple[ColumnElement[bool], ...]:
    return (
        ORDERS.c.order_id == order.order_id,
        ORDERS.c.ended_at.is_(None),
        ORDERS.c.run_id.is_not_distinct_from(order.run_id),
    )


def judge(order: WatchedOrder, instance: Instance | None) -> Finding | None:
    """What the workflow's status says by itself."""
    if instance is None or instance.status.is_terminal:
        if order.run_id is None:
            return None  # the starter starts it (again)
        return Finding(FindingKind.WORKFLOW_GONE, order.order_id, _why_gone(order.instance_id, instance))
    if instance.status in {InstanceStatus.SUSPENDED, InstanceStatus.STALLED}:
        seen = f"the workflow {order.instance_id} is {instance.status}"
        return Finding(FindingKind.WORKFLOW_PAUSED, order.order_id, seen)
    return None


def judge_late(order: WatchedOrder, status: InstanceStatus, *, takes_event: bool) -> Finding | None:
    """What it means for a late order that its living workflow takes an event, or doesn't."""
    if not takes_event:
        parked = order.status is OrderStatus.NEEDS_ATTENTION
        late = "a person's decision waits for it" if parked else "the order's time is over"
        seen = f"the workflow {order.instance_id} takes no event, and {late}"
    elif order.overdue:
        seen = f"the workflow {order.instance_id} is {status} long after the order's time was over"
    else:
        return None
    return Finding(FindingKind.ORDER_STUCK, order.order_id, seen)


def judge_unreadable(order: WatchedOrder, error: UnreadableError) -> Finding:
    """A workflow that the engine can't read doesn't go on either."""
    seen = f"the engine can't read the workflow {order.instance_id}: {error}"
    return Finding(FindingKind.WORKFLOW_GONE, order.order_id, seen)


def _why_gone(instance_id: str, instance: Instance | None) -> str:
    if instance is None:
        return f"the engine has no workflow {instance_id}"
    error = f": {instance.error}" if instance.error else ""
    return f"the workflow {instance_id} is {instance.status}{error}"
