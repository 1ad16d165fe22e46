"""The events of the shop, and the CloudEvent that each travels in."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from pydantic import ConfigDict

from shared.contracts.message import Message
from shared.shop.inventory import StockLine

PUBSUB: Final = "pubsub"
"""The name of the Dapr pub/sub component, whatever broker stands behind it."""
TOPIC: Final = "shop-events"
"""One topic for all events: their order is kept in one place, and consumers choose by type."""
DEAD_LETTER_TOPIC: Final = "shop-dead-letters"


class EventType(StrEnum):
    """What happened, in the past tense."""

    ORDER_ACCEPTED = "order.accepted"
    ORDER_COMPLETED = "order.completed"
    ORDER_COMPENSATED = "order.compensated"
    ORDER_CANCELLED = "order.cancelled"
    ORDER_NEEDS_ATTENTION = "order.needs_attention"
    ORDER_RETURNED = "order.returned"
    STOCK_RESERVED = "stock.reserved"
    STOCK_RELEASED = "stock.released"
    PAYMENT_PROCESSED = "payment.processed"
    PAYMENT_REFUNDED = "payment.refunded"
    SHIPMENT_BOOKED = "shipment.booked"
    SHIPMENT_CANCELLED = "shipment.cancelled"


class OrderCustomer(Message):
    """Whom the order's notifications go to."""

    email: str
    user_id: str


class OrderEvent(Message):
    """The data of every `order.*` event but `order.returned`: the order as it is then. `country` is where it goes.

    `reason`: one of the fixed sentences for its customer, in the events of orders that were undone or are stuck.
    """

    order_id: str
    status: str
    total_cents: int
    currency: str
    customer: OrderCustomer
    lines: tuple[StockLine, ...]
    country: str
    tracking_number: str | None = None
    reason: str | None = None


class ReturnEvent(Message):
    """The data of `order.returned`: what was given back of a completed order, now and in all."""

    order_id: str
    return_id: str
    kind: str
    amount_cents: int
    currency: str
    total_returned_cents: int


class StockEvent(Message):
    """The data of every `stock.*` event."""

    order_id: str
    reservation_id: str | None = None
    released_units: int | None = None


class PaymentEvent(Message):
    """The data of every `payment.*` event."""

    order_id: str
    payment_id: str | None = None
    amount_cents: int
    currency: str


class ShipmentEvent(Message):
    """The data of every `shipment.*` event."""

    order_id: str
    shipment_id: str
    tracking_number: str


EVENT_DATA: Final[dict[EventType, type[Message]]] = {
    **dict.fromkeys((one for one in EventType if one.value.startswith("order.")), OrderEvent),
    EventType.ORDER_RETURNED: ReturnEvent,
    **dict.fromkeys((one for one in EventType if one.value.startswith("stock.")), StockEvent),
    **dict.fromkeys((one for one in EventType if one.value.startswith("payment.")), PaymentEvent),
    **dict.fromkeys((one for one in EventType if one.value.startswith("shipment.")), ShipmentEvent),
}


class CloudEvent(Message):
    """The envelope (CloudEvents 1.0, https://cloudevents.io).

    `source` is the app, `/order-service`; `subject` the order's id. `id` is the same at every delivery: consumers
    deduplicate by it. `sequence` (the CloudEvents sequence extension) counts the events of one source about one
    subject, from 1 and without a gap, so that a consumer can tell that an earlier one is still on its way.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    specversion: str = "1.0"
    id: str
    source: str
    type: str
    subject: str
    time: datetime
    sequence: str
    datacontenttype: str = "application/json"
    data: dict[str, Any]
