"""Mails the customer how an order ended: at most one e-mail per event, however often it is delivered."""

from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from notification_service.mailer import MailOutageError
from notification_service.notifications import Notifications
from shared.events.consumer import Handler
from shared.events.event import EventType, OrderEvent
from shared.events.inbox import TryLaterError
from shared.events.received import Received
from shared.participant.errors import Refused
from shared.participant.fence import StepKey, StillPendingError
from shared.shop.notification import SendEmail

log = structlog.get_logger()

_ENDS: Final = {
    EventType.ORDER_COMPLETED: "is on its way",
    EventType.ORDER_COMPENSATED: "could not be completed",
    EventType.ORDER_CANCELLED: "is cancelled",
}


def order_mail(notifications: Notifications) -> dict[EventType, Handler]:
    """The handlers of the events that notify a customer."""

    async def mail(_: AsyncConnection, event: Received) -> None:
        order = event.read(OrderEvent)
        # An e-mail can't be part of a transaction: its own log keeps it from leaving twice, under the event's name.
        try:
            await notifications.email(StepKey(order.order_id, event.kind), letter(EventType(event.kind), order))
        except (MailOutageError, StillPendingError) as error:
            raise TryLaterError(str(error)) from error
        except Refused as refusal:
            # What became of it stands in the log of notifications. A replay could change nothing.
            log.warning("the customer isn't notified", order_id=order.order_id, type=event.kind, reason=str(refusal))

    return dict.fromkeys(_ENDS, mail)


def letter(kind: EventType, order: OrderEvent) -> SendEmail:
    """What the customer reads."""
    what = _ENDS[kind]
    lines = [f"Your order {order.order_id} {what}.", ""]
    lines += [f"  {line.quantity} x {line.sku}" for line in order.lines]
    lines += ["", f"Total: {order.total_cents // 100}.{order.total_cents % 100:02d} {order.currency}"]
    if order.tracking_number is not None and kind is EventType.ORDER_COMPLETED:
        lines.append(f"Tracking number: {order.tracking_number}")
    if order.reason and kind is EventType.ORDER_COMPENSATED:
        lines += ["", f"Reason: {order.reason}"]
    subject = f"Your order {order.order_id} {what}"
    return SendEmail(recipient=order.customer.email, subject=subject, body="\n".join(lines) + "\n")
