"""The events of orders, written by the same statement that changes the order's row."""

from typing import Final

from sqlalchemy import Insert, Update, func, literal

from order_service.tables import ORDERS
from shared.events.outbox import told_of

ONE_EVENT_MORE: Final = {"events": ORDERS.c.events + 1}
"""What `and_tell` needs among the changed values: the events of an order are counted in its row, whose lock makes them
come one after the other."""


def and_tell(change: Insert | Update) -> Insert:
    """`change`, and an event of each order that it changes, as the order is then; the rowcount is that of `change`.

    The type of the event is the order's new status: `order.accepted`, `order.completed` and so on.
    """
    changed = change.returning(*_TOLD).cte("changed")
    row = changed.c
    data = func.jsonb_build_object(
        *("order_id", row.order_id, "status", row.status, "total_cents", row.total_cents, "currency", row.currency),
        *("customer", row.customer, "lines", row.placed["lines"]),
        *("country", row.placed["shipping_address"]["country"]),
        *("tracking_number", row.tracking_number, "reason", row.reason),
    )
    return told_of(changed, kind=literal("order.") + row.status, subject=row.order_id, sequence=row.events, data=data)


_TOLD: Final = (
    ORDERS.c.order_id,
    ORDERS.c.status,
    ORDERS.c.total_cents,
    ORDERS.c.currency,
    ORDERS.c.customer,
    ORDERS.c.placed,
    ORDERS.c.tracking_number,
    ORDERS.c.reason,
    ORDERS.c.events,
)
