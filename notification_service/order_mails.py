"""Mails customers about how their orders ended: one e-mail for each event at most, however often it is delivered.

A delivery only takes the mail over, in the transaction of the event's inbox row. So it ends in milliseconds whatever
the mail server does: no recipient who is put off for hours, and no slow relay, keeps one of the broker's places
(`maxAckPending`). From then on the mail is sent from here: many side by side, those about one order in the order of its
events, again and again with growing pauses. What can't be sent, or not within hours, becomes the event's dead letter.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, timedelta
from functools import partial
from typing import Any, Final

import structlog
from prometheus_client import Gauge
from sqlalchemy import Row, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.orm import aliased

from notification_service.mailer import MailOutageError
from notification_service.notifications import UNKNOWN, Notifications
from notification_service.tables import ORDER_MAILS
from shared.events.consumer import Handler
from shared.events.dead_letters import NotPublishedError, Publishes, as_cloud_event, dead_letter
from shared.events.event import TOPIC, CloudEvent, EventType, OrderEvent
from shared.events.inbox import bury, deaths_of
from shared.events.received import Envelope, Received, storable
from shared.money import money
from shared.participant.errors import QuarantinedError, Refused
from shared.participant.fence import StepKey, StillPendingError
from shared.participant.in_flight import Work
from shared.participant.quarantine import Gate
from shared.shop.notification import NOTIFICATION_SERVICE, SendEmail
from shared.shop.order import OrderStatus
from shared.shop.reasons import for_customer
from shared.workflows.background import sweep_until_cancelled

AT_ONCE: Final = 32
"""Mails under way side by side; each holds a connection to the database, and uses a second one."""
SWEEP_SECONDS: Final = 1.0
LEASE_SECONDS: Final = 15.0
"""So long a mail is left to whoever has it, who renews that at each sweep; after a death another takes it up."""
LONGEST_PAUSE_SECONDS: Final = 300.0
CLOSE_SECONDS: Final = 8.0
"""What is leaving when the service ends has so long to be answered: else nobody would know whether it arrived."""

WAITING: Final = Gauge("shop_mails_waiting", "Mails about orders that haven't been sent")
OLDEST: Final = Gauge("shop_mails_waiting_oldest_seconds", "How long ago the event of the oldest of them came")

log = structlog.get_logger()

_ENDS: Final = {
    EventType.ORDER_COMPLETED: "is on its way",
    EventType.ORDER_COMPENSATED: "could not be completed",
    EventType.ORDER_CANCELLED: "is cancelled",
}


async def _take_over(tx: AsyncConnection, event: Received) -> None:
    event.read(OrderEvent)
    values = {"source": event.source, "subject": event.subject, "sequence": event.sequence, "type": event.kind}
    anew = {"attempts": 0, "since": func.now(), "due_at": func.now()}
    statement = insert(ORDER_MAILS).values(event_id=event.id, data=event.data, **values)
    # A replay of its dead letter begins with new patience.
    await tx.execute(statement.on_conflict_do_update(index_elements=["event_id"], set_=anew))


HANDLERS: Final[dict[EventType, Handler]] = dict.fromkeys(_ENDS, _take_over)


class OrderMails:
    """Sends what was taken over. Belongs to the event loop of its pool."""

    def __init__(
        self,
        database: AsyncEngine,
        notifications: Notifications,
        publisher: Publishes,
        *,
        patience: timedelta,
        gate: Gate | None = None,
    ) -> None:
        """Send by `notifications`; what hasn't left `patience` after its event came is dead, and published so."""
        self._database = database
        self._notifications = notifications
        self._publisher = publisher
        self._patience = patience
        self._gate = gate or Gate()
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._freed = asyncio.Event()

    async def run(self) -> None:
        """Send until cancelled."""
        await sweep_until_cancelled(self.sweep, SWEEP_SECONDS, self._freed, failed="mails not looked for, trying again")

    async def close(self) -> None:
        """Let what is under way end, for a bounded time; the next process's sweep takes up what doesn't."""
        tasks = list(self._under_way.values())
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_SECONDS)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def sweep(self) -> None:
        """Begin to send what is due, as many as there is room for."""
        async with self._database.begin() as tx:
            if self._under_way:
                mine = ORDER_MAILS.c.event_id.in_(list(self._under_way))
                await tx.execute(update(ORDER_MAILS).where(mine).values(due_at=_in(LEASE_SECONDS)))
            rows = await _lease(tx, AT_ONCE - len(self._under_way))
            waits = func.extract("epoch", func.now() - func.min(ORDER_MAILS.c.since))
            count, oldest = (
                await tx.execute(select(func.count(), func.coalesce(waits, 0)).select_from(ORDER_MAILS))
            ).one()
        WAITING.set(count)
        OLDEST.set(float(oldest))
        for row in rows:
            task = self._under_way[row.event_id] = asyncio.create_task(self._send(row))
            task.add_done_callback(partial(self._ended, row.event_id))

    def _ended(self, event_id: str, _: asyncio.Task[None]) -> None:
        del self._under_way[event_id]
        self._freed.set()

    async def _send(self, row: Row[Any]) -> None:
        try:
            outcome = await self._outcome(row)
            if outcome is None:
                async with self._database.begin() as tx:
                    await tx.execute(delete(ORDER_MAILS).where(ORDER_MAILS.c.event_id == row.event_id))
                return
            reason, is_over = outcome
            if is_over:
                await self._give_up(row, reason)
            else:
                await self._put_off(row, reason)
        except (NotPublishedError, SQLAlchemyError, OSError) as error:
            # Its lease ends by itself.
            log.warning("the mail waits", order_id=row.subject, type=row.type, error=str(getattr(error, "orig", error)))
        except Exception:  # a task of its own: nobody else would see it
            log.exception("the mail waits", order_id=row.subject, type=row.type)

    async def _outcome(self, row: Row[Any]) -> tuple[str, bool] | None:
        """None once it is sent, or may be; else why not, and whether that is the last word."""
        try:
            async with self._gate.passed(Work.of(row.subject, row.type, row.event_id)):
                order = OrderEvent.model_validate(row.data)
                await self._notifications.email(StepKey(row.subject, row.type), letter(EventType(row.type), order))
        except (QuarantinedError, Refused) as error:
            if str(error).startswith(UNKNOWN):  # it may be in the customer's mailbox; a replay couldn't send it again
                log.warning("unknown whether the customer is notified", order_id=row.subject, type=row.type)
                return None
            return str(error), True
        except (MailOutageError, StillPendingError) as error:
            is_over = row.waited > self._patience
            return (f"it couldn't be sent in {self._patience}: {error}" if is_over else str(error)), is_over
        return None

    async def _put_off(self, row: Row[Any], reason: str) -> None:
        pause = min(2.0**row.attempts, LONGEST_PAUSE_SECONDS)
        statement = update(ORDER_MAILS).where(ORDER_MAILS.c.event_id == row.event_id)
        async with self._database.begin() as tx:
            await tx.execute(statement.values(attempts=row.attempts + 1, due_at=_in(pause)))
        log.info("the mail is put off", order_id=row.subject, type=row.type, seconds=pause, reason=reason)

    async def _give_up(self, row: Row[Any], reason: str) -> None:
        """First the letter: if this process dies now, the mail is tried again, and its letter has the same id."""
        reason = storable(reason)
        async with self._database.connect() as connection:
            deaths = await deaths_of(connection, row.event_id)
        letter_of = dead_letter(
            Envelope(row.event_id, row.subject, _event(row), "", None),
            consumer=NOTIFICATION_SERVICE,
            topic=TOPIC,
            reason=reason,
            attempts=row.attempts + 1,
            deaths=deaths,
        )
        await self._publisher.publish(as_cloud_event(letter_of))
        async with self._database.begin() as tx:
            await bury(tx, row.event_id, reason)
            await tx.execute(delete(ORDER_MAILS).where(ORDER_MAILS.c.event_id == row.event_id))
        log.error("dead letter", event_id=row.event_id, dead_letter_id=letter_of.dead_letter_id, reason=reason)


async def _lease(tx: AsyncConnection, limit: int) -> Sequence[Row[Any]]:
    """Mails that are due, the freshest attempts first, of each order only the first that is left."""
    if limit <= 0:
        return []
    row, earlier = ORDER_MAILS.c, aliased(ORDER_MAILS)
    is_first = (
        ~select(earlier.c.event_id)
        .where(earlier.c.source == row.source, earlier.c.subject == row.subject, earlier.c.sequence < row.sequence)
        .exists()
    )
    due = (
        select(row.event_id)
        .where(row.due_at <= func.now(), is_first)
        .order_by(row.attempts, row.since)
        .limit(limit)
        .with_for_update(skip_locked=True, of=ORDER_MAILS)
    )
    statement = update(ORDER_MAILS).where(row.event_id.in_(due)).values(due_at=_in(LEASE_SECONDS))
    waited = (func.now() - row.since).label("waited")
    return (await tx.execute(statement.returning(*row, waited))).all()


def _in(seconds: float) -> Any:  # noqa: ANN401 - SQLAlchemy's expressions
    return func.now() + timedelta(seconds=seconds)


def _event(row: Row[Any]) -> dict[str, Any]:
    """The event again, as a replay needs it."""
    event = CloudEvent(
        id=row.event_id,
        source=row.source,
        type=row.type,
        subject=row.subject,
        time=row.since.astimezone(UTC),
        sequence=str(row.sequence),
        data=row.data,
    )
    return event.model_dump(mode="json")


def letter(kind: EventType, order: OrderEvent) -> SendEmail:
    """What the customer reads."""
    what = _ENDS[kind]
    lines = [f"Your order {order.order_id} {what}.", ""]
    lines += [f"  {line.quantity} x {line.sku}" for line in order.lines]
    lines += ["", f"Total: {money(order.total_cents, order.currency)}"]
    if order.tracking_number is not None and kind is EventType.ORDER_COMPLETED:
        lines.append(f"Tracking number: {order.tracking_number}")
    if kind is EventType.ORDER_COMPENSATED:
        lines += ["", f"Reason: {for_customer(OrderStatus.COMPENSATED, order.reason)}"]
    subject = f"Your order {order.order_id} {what}"
    return SendEmail(recipient=order.customer.email, subject=subject, body="\n".join(lines) + "\n")
