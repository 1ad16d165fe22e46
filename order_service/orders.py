"""The orders' rows: each change of an order's status is one conditional statement, here or in `statements.py`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, case, false, func, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from order_service.approval.store import ended_as
from order_service.repair.store import close_open, record_applied, send_again
from order_service.statements import ACCEPT, CHANGED, COMPLETE, ONE_EVENT_MORE, OPEN, and_publish, the
from order_service.tables import ORDERS
from shared.contracts.timeline import StepOutcome, Timeline
from shared.database import take_due
from shared.participant.errors import Refused
from shared.shop.approval import ApprovalState
from shared.shop.order import CloseOrder, OrderRecorded, OrderStatus, ParkOrder
from shared.shop.reasons import Reason, gave_back, step_that_stopped, stopped_by
from shared.workflows.rows import WorkflowRows

NEVER: Final = -1
"""Less than any version of a timeline."""

LOST_VERSIONS: Final = 1_000_000
"""More changes than a lost run can still show of its timeline, so that all of them are older than its successor's."""

CANCEL_LEASE: Final = text("interval '5 seconds'")
"""How long one process has for signalling a cancel to a workflow before any process tries again."""

DAY: Final = text("interval '24 hours'")
MOST_COUNTED: Final = 1000
"""The fraud score takes no notice of more orders of one customer in a day."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Whether a run of the workflow owns the order, and whether its customer has cancelled it."""

    claimed: bool
    cancelled: bool


class OrderStore(WorkflowRows):
    """Reads and changes orders. Belongs to the event loop of its database."""

    def __init__(self, database: AsyncEngine) -> None:
        super().__init__(database, ORDERS, on_change=CHANGED)

    async def accept(self, values: dict[str, Any]) -> bool:
        """Store a new order; False if its idempotency key is taken. After True the order can't be lost any more."""
        return await self._changes_one(ACCEPT, the(values))

    async def by_key(self, idempotency_key: str) -> Row[Any] | None:
        return await self._one(select(ORDERS).where(ORDERS.c.idempotency_key == idempotency_key))

    async def orders_last_day(self, user_id: str) -> int:
        """How many orders of this customer were accepted in the last 24 hours; counted up to `MOST_COUNTED`."""
        mine = ORDERS.c.customer["user_id"].astext == user_id
        recent = select(ORDERS.c.order_id).where(mine, ORDERS.c.accepted_at > func.now() - DAY).limit(MOST_COUNTED)
        async with self._database.connect() as connection:
            return int((await connection.execute(select(func.count()).select_from(recent.subquery()))).scalar_one())

    async def revisions(self, order_ids: Sequence[str]) -> dict[str, int]:
        """The present revision of each of these orders."""
        statement = select(ORDERS.c.order_id, ORDERS.c.revision).where(ORDERS.c.order_id.in_(order_ids))
        async with self._database.connect() as connection:
            return {row.order_id: row.revision for row in await connection.execute(statement)}

    async def claim(self, order_id: str, run_id: str) -> Claim:
        """Make this run of the workflow the order's owner, unless another run is, or there is no such order."""
        statement = (
            update(ORDERS)
            .where(ORDERS.c.order_id == order_id, or_(ORDERS.c.run_id.is_(None), ORDERS.c.run_id == run_id))
            .values(
                run_id=run_id,
                status=case(
                    (ORDERS.c.status == OrderStatus.ACCEPTED, OrderStatus.IN_PROGRESS.value), else_=ORDERS.c.status
                ),
                **CHANGED,
            )
            .returning(ORDERS.c.cancel_requested_at)
        )
        async with self._database.begin() as tx:
            row = (await tx.execute(statement)).first()
        return Claim(claimed=row is not None, cancelled=row is not None and row.cancel_requested_at is not None)

    async def complete(self, order_id: str, timeline: Timeline, tracking_number: str, run_id: str) -> None:
        """Pass the pivot, unless the customer cancelled first, it is too late, or another run owns the order.

        Repeats are harmless.

        Raises:
            Refused: with the reason; the order will not be completed by this run.
        """
        values = {
            "order_id": order_id,
            "run_id": run_id,
            "tracking_number": tracking_number,
            "timeline": timeline.model_dump(mode="json"),
            "timeline_version": timeline.version,
        }
        if await self._changes_one(COMPLETE, the(values)):
            return
        row = await self.by_id(order_id)
        if row is None or row.status != OrderStatus.COMPLETED or run_id != row.run_id:
            raise Refused(_why_not_completed(row, run_id))

    async def end_time(self, order_id: str) -> None:
        """Let an open order's time be up, so that its pivot is refused from now on."""
        await self._changes_one(
            update(ORDERS)
            .where(ORDERS.c.order_id == order_id, ORDERS.c.status.in_(OPEN))
            .values(deadline_at=func.now(), **CHANGED)
        )

    async def close(self, order_id: str, end: CloseOrder) -> OrderRecorded:
        """Record that the order was undone; a cancel that was accepted makes it cancelled. Repeats are harmless.

        What came of decisions is recorded even if another run owns the order by now: the participants know them.
        """
        statement = (
            update(ORDERS)
            .where(ORDERS.c.order_id == order_id, ORDERS.c.ended_at.is_(None), ORDERS.c.run_id == end.run_id)
            .values(
                status=case(
                    (ORDERS.c.cancel_requested_at.is_not(None), OrderStatus.CANCELLED.value), else_=end.status.value
                ),
                reason=_why_ended(end),
                error=end.reason,
                money_at_risk_cents=0,
                stuck=[],
                attention_since=None,
                ended_at=func.now(),
                **ONE_EVENT_MORE,
                **ended_as(ApprovalState.DROPPED),
                **_recorded(end.timeline),
            )
        )
        async with self._database.begin() as tx:
            # The order's row first, as whoever decides locks it first.
            has_ended = bool((await tx.execute(and_publish(statement))).rowcount)
            await record_applied(tx, end.repairs)
            if has_ended:
                await close_open(tx, order_id)
        return await self._recorded(order_id, end.status, end.run_id)

    async def park(self, order_id: str, stuck: ParkOrder) -> OrderRecorded:
        """Record that a person has to decide, and what came of the decision before; as in `close`."""
        version = stuck.timeline.version
        is_open = (ORDERS.c.order_id == order_id, ORDERS.c.ended_at.is_(None), ORDERS.c.run_id == stuck.run_id)
        statement = (
            update(ORDERS)
            .where(*is_open)
            .values(
                status=OrderStatus.NEEDS_ATTENTION,
                reason=Reason.NEEDS_A_PERSON.value,
                error=stuck.reason,
                money_at_risk_cents=stuck.money_at_risk_cents,
                stuck=[one.model_dump(mode="json") for one in stuck.stuck],
                attention_since=func.coalesce(ORDERS.c.attention_since, func.now()),
                parked_version=version,
                **_recorded(stuck.timeline),
            )
        )
        async with self._database.begin() as tx:
            # A repeat brings the same timeline, and a late one an older: neither is news.
            last = select(func.coalesce(ORDERS.c.parked_version, NEVER)).where(*is_open).with_for_update()
            parked_version = (await tx.execute(last)).scalar_one_or_none()
            if parked_version is not None and parked_version < version:
                await tx.execute(and_publish(statement.values(**ONE_EVENT_MORE)))
            await record_applied(tx, stuck.repairs)
        return await self._recorded(order_id, OrderStatus.NEEDS_ATTENTION, stuck.run_id)

    async def take_over(self, order_id: str, *, run_id: str, replaces: str | None, instance_id: str) -> Timeline | None:
        """Make a recovery the owner of an open order in place of the run that it replaces; None if it may not.

        From here on the lost run can change nothing of the order: every record of it names its run. What it still
        shows of its progress is older than the row's version. Repeats are harmless.
        """
        replaced = ORDERS.c.run_id.is_not_distinct_from(replaces)
        statement = (
            update(ORDERS)
            .where(ORDERS.c.order_id == order_id, ORDERS.c.ended_at.is_(None), or_(replaced, ORDERS.c.run_id == run_id))
            .values(
                run_id=run_id,
                instance_id=instance_id,
                taken_over_at=func.coalesce(case((ORDERS.c.run_id == run_id, ORDERS.c.taken_over_at)), func.now()),
                status=case(
                    (ORDERS.c.status == OrderStatus.ACCEPTED, OrderStatus.IN_PROGRESS.value), else_=ORDERS.c.status
                ),
                timeline_version=ORDERS.c.timeline_version + case((ORDERS.c.run_id == run_id, 0), else_=LOST_VERSIONS),
                **ended_as(ApprovalState.DROPPED),
                **CHANGED,
            )
            .returning(ORDERS.c.timeline, ORDERS.c.timeline_version)
        )
        async with self._database.begin() as tx:
            row = (await tx.execute(statement)).first()
            if row is None:
                return None
            await send_again(tx, order_id)
        return Timeline.model_validate({**row.timeline, "version": row.timeline_version})

    async def request_cancel(self, order_id: str) -> bool:
        """Win or lose the race with the pivot: True means that the order will be undone."""
        statement = (
            update(ORDERS)
            .where(ORDERS.c.order_id == order_id, ORDERS.c.status.in_(OPEN))
            .values(
                cancel_requested_at=func.coalesce(ORDERS.c.cancel_requested_at, func.now()),
                cancel_due_at=func.now() + CANCEL_LEASE,
                **ended_as(ApprovalState.CANCELLED),
            )
        )
        return await self._changes_one(statement)

    async def cancel_sent(self, order_id: str) -> None:
        """The workflow knows of the cancel."""
        await self._changes_one(update(ORDERS).where(ORDERS.c.order_id == order_id).values(cancel_sent_at=func.now()))

    async def lease_cancels(self, limit: int) -> list[str]:
        """Open orders whose workflow should know by now that the customer cancelled; each to one process at a time."""
        leased = take_due(
            ORDERS.c.order_id,
            ORDERS.c.cancel_due_at,
            CANCEL_LEASE,
            limit,
            ORDERS.c.cancel_requested_at.is_not(None),
            ORDERS.c.cancel_sent_at.is_(None),
            ORDERS.c.status == OrderStatus.IN_PROGRESS,
            ORDERS.c.instance_id.is_(None),  # a recovery undoes the order anyway
        )
        async with self._database.begin() as tx:
            return list((await tx.execute(leased.returning(ORDERS.c.order_id))).scalars())

    async def _recorded(self, order_id: str, otherwise: OrderStatus, run_id: str) -> OrderRecorded:
        row = await self.by_id(order_id)
        if row is None:
            return OrderRecorded(status=otherwise)
        return OrderRecorded(status=OrderStatus(row.status), owned=run_id == row.run_id)

    async def _one(self, statement: Any) -> Row[Any] | None:  # noqa: ANN401 - any SELECT
        async with self._database.connect() as connection:
            row: Row[Any] | None = (await connection.execute(statement)).first()
            return row

    async def _changes_one(self, statement: Any, values: dict[str, Any] | None = None) -> bool:  # noqa: ANN401 - any UPDATE
        async with self._database.begin() as tx:
            return bool((await tx.execute(statement, values)).rowcount)


def _why_not_completed(row: Row[Any] | None, run_id: str) -> str:
    if row is None:
        return "there is no such order"
    if row.cancel_requested_at is not None:
        return "the customer cancelled the order"
    if run_id != row.run_id:
        return "another run of the workflow took the order over"
    if row.status not in OPEN:
        return f"the order is {row.status} already"
    if row.approval_state not in {None, ApprovalState.APPROVED}:
        return "the order was not approved"
    return "the order was not finished by its deadline"


def _why_ended(end: CloseOrder) -> ColumnElement[str] | str:
    """What the customer reads. The row decides as it does for the status: a cancel may have come meanwhile."""
    if not gave_back(end.timeline):
        return Reason.NOT_GIVEN_BACK.value
    if end.status is OrderStatus.CANCELLED:
        return Reason.CANCELLED.value
    step = step_that_stopped(end.timeline)
    is_late: ColumnElement[bool] = ORDERS.c.instance_id.is_(None)  # else its workflow was lost, which is our fault
    if step is not None and step.outcome is StepOutcome.UNKNOWN and step.ended_at is not None:
        is_late &= ORDERS.c.deadline_at <= step.ended_at
    elif step is not None:
        is_late = false()
    return case(
        (ORDERS.c.cancel_requested_at.is_not(None), Reason.CANCELLED.value),
        (ORDERS.c.approval_state == ApprovalState.REJECTED, Reason.NOT_APPROVED.value),
        (ORDERS.c.approval_state == ApprovalState.EXPIRED, Reason.NOT_APPROVED_IN_TIME.value),
        (is_late, Reason.TOOK_TOO_LONG.value),
        else_=Reason.OUR_FAULT.value if step is None else stopped_by(step).value,
    )


def _recorded(timeline: Timeline) -> dict[str, Any]:
    return {"timeline": timeline.model_dump(mode="json"), "timeline_version": timeline.version, **CHANGED}
