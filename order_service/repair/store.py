"""The rows of repairs: orders that wait for a person, and what persons decided about them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import structlog
from pydantic import ValidationError
from sqlalchemy import Row, func, literal, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from order_service.errors import BeingDecidedError, NeedsNoAttentionError, NotStuckError
from order_service.tables import ORDERS, REPAIRS
from shared.contracts.message import problems_in
from shared.contracts.repair import AppliedRepair, RepairDecision, RepairOutcome, RepairStatus, StuckStep
from shared.database import take_due
from shared.shop.order import OrderStatus

log = structlog.get_logger()

SEND_LEASE: Final = text("interval '5 seconds'")
"""How long one process has for sending a decision before any process tries again."""
REPEAT_AFTER: Final = text("interval '120 seconds'")
"""A decision that was sent and isn't applied after this time is sent again; the saga applies it once."""


@dataclass(frozen=True, slots=True)
class Due:
    """A decision that is to be sent to the workflow that owns its order: the order's own, or a recovery."""

    instance_id: str
    decision: RepairDecision


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many orders need attention, and for how long the oldest does."""

    orders: int
    oldest_seconds: float


class RepairStore:
    """Reads and changes these rows. Belongs to the event loop of its database."""

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database

    async def waiting(self, after: tuple[datetime, str] | None, limit: int) -> Sequence[Row[Any]]:
        """Up to `limit` orders that need attention, oldest first, from the one after `after` (since, order_id)."""
        place = (ORDERS.c.attention_since, ORDERS.c.order_id)
        age_seconds = func.extract("epoch", func.now() - ORDERS.c.attention_since).label("age_seconds")
        statement = select(ORDERS, age_seconds).where(_NEEDS_ATTENTION).order_by(*place).limit(limit)
        if after is not None:
            statement = statement.where(tuple_(*place) > tuple_(literal(after[0]), literal(after[1])))
        async with self._database.connect() as connection:
            return (await connection.execute(statement)).all()

    async def count_waiting(self) -> Waiting:
        """How many orders need attention now."""
        oldest = func.extract("epoch", func.now() - func.min(ORDERS.c.attention_since))
        statement = select(func.count().label("orders"), func.coalesce(oldest, 0).label("oldest")).where(
            _NEEDS_ATTENTION
        )
        async with self._database.connect() as connection:
            row = (await connection.execute(statement)).one()
            return Waiting(row.orders, float(row.oldest))

    async def by_key(self, idempotency_key: str) -> Row[Any] | None:
        statement = select(REPAIRS).where(REPAIRS.c.idempotency_key == idempotency_key)
        async with self._database.connect() as connection:
            return (await connection.execute(statement)).first()

    async def of_order(self, order_id: str) -> Sequence[Row[Any]]:
        """All decisions about the order, oldest first."""
        statement = select(REPAIRS).where(REPAIRS.c.order_id == order_id).order_by(REPAIRS.c.requested_at)
        async with self._database.connect() as connection:
            return (await connection.execute(statement)).all()

    async def request(self, values: dict[str, Any]) -> None:
        """Store a decision whose step waits for one; afterwards `by_key` finds what the key stands for.

        A decision that is stored can't be lost any more.

        Raises:
            RepairError: why nothing is to be decided.
        """
        order_row = select(ORDERS).where(ORDERS.c.order_id == values["order_id"]).with_for_update()
        same_key = select(REPAIRS.c.repair_id).where(REPAIRS.c.idempotency_key == values["idempotency_key"])
        decision = insert(REPAIRS).values(status=RepairStatus.REQUESTED, due_at=func.now() + SEND_LEASE, **values)
        async with self._database.begin() as tx:
            # The order's row is held, so that its end can't come between this look and the decision.
            order = (await tx.execute(order_row)).one()
            # The same decision, sent at the same time, may be stored by now, and even carried out.
            if (await tx.execute(same_key)).first() is not None:
                return
            _check_is_stuck(order, values["step"])
            stored = await tx.execute(decision.on_conflict_do_nothing().returning(REPAIRS.c.repair_id))
            if stored.first() is None:
                await _check_has_no_rival(tx, values)

    async def lease_unsent(self, limit: int) -> list[Due]:
        """Decisions that the workflow doesn't know yet, or should know by now; each to one process at a time."""
        leased = take_due(REPAIRS.c.repair_id, REPAIRS.c.due_at, SEND_LEASE, limit, REPAIRS.c.applied_at.is_(None))
        statement = leased.where(REPAIRS.c.order_id == ORDERS.c.order_id).returning(*REPAIRS.c, ORDERS.c.instance_id)
        async with self._database.begin() as tx:
            rows = (await tx.execute(statement)).all()
        return [one for row in rows if (one := _readable(row)) is not None]

    async def sent(self, repair_id: str) -> None:
        """The workflow has the decision's event."""
        statement = (
            update(REPAIRS)
            .where(REPAIRS.c.repair_id == repair_id, REPAIRS.c.applied_at.is_(None))
            .values(
                status=RepairStatus.SENT,
                sent_at=func.coalesce(REPAIRS.c.sent_at, func.now()),
                due_at=func.now() + REPEAT_AFTER,
            )
        )
        async with self._database.begin() as tx:
            await tx.execute(statement)


def due_of(row: Row[Any], instance_id: str | None) -> Due:
    """The decision as the saga gets it; `instance_id` as in the order's row."""
    decision = RepairDecision(
        step=row.step, decision=row.decision, by=row.decided_by, note=row.note, repair_id=row.repair_id
    )
    return Due(instance_id or row.order_id, decision)


def _readable(row: Row[Any]) -> Due | None:
    """The decision, or None if its row can't be read: it keeps no other decision waiting."""
    try:
        return due_of(row, row.instance_id)
    except ValidationError as error:
        why = problems_in(error)
        log.error("repair not sent: its row can't be read", repair_id=row.repair_id, error=why)  # noqa: TRY400 - without its values
        return None


async def record_applied(tx: AsyncConnection, repairs: Iterable[AppliedRepair]) -> None:
    """Write down what came of decisions, in the transaction of the order's next record; the first word counts."""
    for repair in repairs:
        await tx.execute(
            update(REPAIRS)
            .where(REPAIRS.c.repair_id == repair.repair_id, REPAIRS.c.applied_at.is_(None))
            .values(_applied(repair.outcome, repair.detail))
        )


async def send_again(tx: AsyncConnection, order_id: str) -> None:
    """A recovery has taken the order over: what was sent to the lost run is sent to it as well."""
    await tx.execute(
        update(REPAIRS).where(REPAIRS.c.order_id == order_id, REPAIRS.c.applied_at.is_(None)).values(due_at=func.now())
    )


async def close_open(tx: AsyncConnection, order_id: str) -> None:
    """The order has ended: nobody will read the decisions that are still on their way."""
    await tx.execute(
        update(REPAIRS)
        .where(REPAIRS.c.order_id == order_id, REPAIRS.c.applied_at.is_(None))
        .values(_applied(RepairOutcome.NOT_NEEDED, "the order ended before the decision reached it"))
    )


def _applied(outcome: RepairOutcome, detail: str) -> dict[str, Any]:
    return {"status": RepairStatus.APPLIED, "outcome": outcome.value, "detail": detail, "applied_at": func.now()}


def _check_is_stuck(order: Row[Any], step: str) -> None:
    if order.status != OrderStatus.NEEDS_ATTENTION:
        raise NeedsNoAttentionError(order_id=order.order_id, status=order.status)
    stuck = [StuckStep.model_validate(one) for one in order.stuck]
    if step not in {one.step for one in stuck}:
        waiting = " and ".join(one.step for one in stuck) or "nothing"
        raise NotStuckError(step=step, order_id=order.order_id, waiting=waiting)


async def _check_has_no_rival(tx: AsyncConnection, values: dict[str, Any]) -> None:
    """A decision was not stored since another one about its step is under way, or since another order took its key."""
    statement = select(REPAIRS).where(
        REPAIRS.c.order_id == values["order_id"], REPAIRS.c.step == values["step"], REPAIRS.c.applied_at.is_(None)
    )
    open_one = (await tx.execute(statement)).first()
    if open_one is not None:
        raise BeingDecidedError(
            step=open_one.step,
            order_id=open_one.order_id,
            decision=open_one.decision,
            by=open_one.decided_by,
            repair_id=open_one.repair_id,
        )


_NEEDS_ATTENTION: Final = ORDERS.c.status == OrderStatus.NEEDS_ATTENTION
