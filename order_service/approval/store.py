"""The rows of approvals: which orders wait for a person, and how each wait ended, once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, case, func, literal, null, or_, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncEngine

from order_service.repair.store import Waiting
from order_service.tables import APPROVALS, ORDERS
from shared.database import take_due
from shared.shop.approval import ApprovalStanding, ApprovalState, HoldOrder
from shared.shop.order import OrderStatus

SIGNAL_LEASE: Final = text("interval '5 seconds'")
"""How long one process has for signalling a decision to a workflow before any process tries again."""
REPEAT_AFTER: Final = text("interval '30 seconds'")
"""A workflow that hasn't read its order's row for so long after a signal gets another."""
TIMER_MARGIN: Final = text("interval '10 seconds'")
"""So long after its time was over a workflow gets a signal too: its timer may be lost."""

_STATE: Final = ORDERS.c.approval_state
_IS_WAITING: Final = _STATE == ApprovalState.WAITING
ALLOWS_COMPLETION: Final = or_(_STATE.is_(None), _STATE == ApprovalState.APPROVED)
"""The order needs no approval, or has it."""


def ended_as(state: ApprovalState) -> dict[str, Any]:
    """The columns of an update that ends an order's wait, if it waits, in the statement that makes it needless."""
    # A cancel has an event of its own; the signal is for one that got lost. A dropped order's workflow has no say.
    signal_at = case((_IS_WAITING, func.now() + REPEAT_AFTER), else_=ORDERS.c.approval_nudge_at)
    return {
        "approval_state": case((_IS_WAITING, state.value), else_=_STATE),
        "approval_nudge_at": null() if state is ApprovalState.DROPPED else signal_at,
    }


@dataclass(frozen=True, slots=True)
class Decided:
    """The order's row after a person's decision; `is_new` if it was this one that counted."""

    row: Row[Any]
    is_new: bool


class ApprovalStore:
    """Reads and ends approvals. Belongs to the event loop of its database."""

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database

    async def hold(self, order_id: str, request: HoldOrder) -> ApprovalStanding:
        """Let the order wait, unless it has waited, is cancelled, or isn't this run's. Repeats are harmless."""
        due_at = func.now() + timedelta(seconds=request.approval_seconds)
        statement = (
            update(ORDERS)
            .where(
                ORDERS.c.order_id == order_id,
                ORDERS.c.run_id == request.run_id,
                ORDERS.c.status == OrderStatus.IN_PROGRESS,
                ORDERS.c.cancel_requested_at.is_(None),
                _STATE.is_(None),
            )
            .values(
                approval_state=ApprovalState.WAITING,
                approval_since=func.now(),
                approval_due_at=due_at,
                approval_nudge_at=due_at + TIMER_MARGIN,
                deadline_at=due_at,
                held=request.model_dump(mode="json", include={"why", "score", "model_version", "threshold"}),
                revision=ORDERS.c.revision + 1,
            )
        )
        async with self._database.begin() as tx:
            await tx.execute(statement)
        return await self._standing(order_id, request.run_id)

    async def conclude(self, order_id: str, run_id: str) -> ApprovalStanding:
        """Where the order's approval stands now; one whose time is over expires. Repeats are harmless."""
        is_over = _IS_WAITING & (ORDERS.c.approval_due_at <= func.now())
        goes_on = _IS_WAITING & (ORDERS.c.approval_due_at > func.now())
        statement = (
            update(ORDERS)
            .where(ORDERS.c.order_id == order_id, ORDERS.c.run_id == run_id, _STATE.is_not(None))
            .values(
                approval_state=case((is_over, ApprovalState.EXPIRED.value), else_=_STATE),
                approval_nudge_at=case((goes_on, ORDERS.c.approval_nudge_at)),
                revision=ORDERS.c.revision + case((is_over, 1), else_=0),
            )
        )
        async with self._database.begin() as tx:
            await tx.execute(statement)
        return await self._standing(order_id, run_id)

    async def decide(self, order_id: str, state: ApprovalState, by: str, reason: str) -> Decided | None:
        """End the order's wait as a person decides, if it waits and there is time; None if there is no such order."""
        held = select(ORDERS).where(ORDERS.c.order_id == order_id).with_for_update()
        values: dict[str, Any] = {"approval_state": state.value, "approval_by": by, "approval_reason": reason}
        async with self._database.begin() as tx:
            row = (await tx.execute(held)).first()
            if row is None:
                return None
            if state is ApprovalState.APPROVED and row.approval_state == ApprovalState.WAITING:
                seconds = row.placed["fraud_check"]["deadline_seconds"]
                values["deadline_at"] = func.now() + timedelta(seconds=seconds)
            ended = await tx.execute(
                update(ORDERS)
                .where(ORDERS.c.order_id == order_id, _IS_WAITING, ORDERS.c.approval_due_at > func.now())
                .values(approval_nudge_at=func.now() + SIGNAL_LEASE, revision=ORDERS.c.revision + 1, **values)
            )
        after = await self.of_order(order_id)
        if after is None:
            raise AssertionError("an order's row is never deleted")
        return Decided(after, is_new=bool(ended.rowcount))

    async def waiting(self, after: tuple[datetime, str] | None, limit: int) -> Sequence[Row[Any]]:
        """Up to `limit` orders that wait, the longest waiting first, from the one after `after` (since, order_id)."""
        place = (ORDERS.c.approval_since, ORDERS.c.order_id)
        statement = _with_end().where(_IS_WAITING).order_by(*place).limit(limit)
        if after is not None:
            statement = statement.where(tuple_(*place) > tuple_(literal(after[0]), literal(after[1])))
        async with self._database.connect() as connection:
            rows: Sequence[Row[Any]] = (await connection.execute(statement)).all()
            return rows

    async def of_order(self, order_id: str) -> Row[Any] | None:
        """The order's row, with `decided_at` if its wait has ended."""
        async with self._database.connect() as connection:
            row: Row[Any] | None = (await connection.execute(_with_end().where(ORDERS.c.order_id == order_id))).first()
            return row

    async def count_waiting(self) -> Waiting:
        """How many orders wait for approval now."""
        oldest = func.extract("epoch", func.now() - func.min(ORDERS.c.approval_since))
        statement = select(func.count().label("orders"), func.coalesce(oldest, 0).label("oldest")).where(_IS_WAITING)
        async with self._database.connect() as connection:
            row = (await connection.execute(statement)).one()
            return Waiting(row.orders, float(row.oldest))

    async def lease_signals(self, limit: int) -> list[str]:
        """Orders whose workflow should read where its approval stands; each to one process at a time."""
        leased = take_due(ORDERS.c.order_id, ORDERS.c.approval_nudge_at, SIGNAL_LEASE, limit)
        async with self._database.begin() as tx:
            return list((await tx.execute(leased.returning(ORDERS.c.order_id))).scalars())

    async def signalled(self, order_id: str) -> None:
        """The workflow has the signal, and some time to read the row before the next one."""
        statement = (
            update(ORDERS)
            .where(ORDERS.c.order_id == order_id, ORDERS.c.approval_nudge_at.is_not(None))
            .values(approval_nudge_at=func.now() + REPEAT_AFTER)
        )
        async with self._database.begin() as tx:
            await tx.execute(statement)

    async def _standing(self, order_id: str, run_id: str) -> ApprovalStanding:
        row = await self.of_order(order_id)
        if row is None or row.run_id != run_id or (row.approval_state is None and row.cancel_requested_at is None):
            return ApprovalStanding(state=ApprovalState.DROPPED)
        return ApprovalStanding(
            state=ApprovalState(row.approval_state or ApprovalState.CANCELLED),
            due_at=row.approval_due_at,
            deadline_at=row.deadline_at,
            by=row.approval_by,
            reason=row.approval_reason,
        )


def _with_end() -> Select[Any]:
    age_seconds: ColumnElement[Any] = func.extract("epoch", func.now() - ORDERS.c.approval_since)
    is_over = _IS_WAITING & (ORDERS.c.approval_due_at <= func.now())
    columns = (ORDERS, age_seconds.label("age_seconds"), is_over.label("is_over"), APPROVALS.c.decided_at)
    return select(*columns).outerjoin(APPROVALS, APPROVALS.c.order_id == ORDERS.c.order_id)
