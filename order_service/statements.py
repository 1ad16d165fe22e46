"""The two statements that every order takes, and the event that each change of an order writes along.

They are built once: building one takes a millisecond of processor time.
"""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Insert, Update, bindparam, func, literal, or_, update
from sqlalchemy.dialects.postgresql import insert

from order_service.approval.store import ALLOWS_COMPLETION
from order_service.tables import ORDERS
from shared.events.outbox import publish_of
from shared.shop.order import OrderStatus
from shared.workflows.rows import START_LEASE

OPEN: Final = (OrderStatus.ACCEPTED, OrderStatus.IN_PROGRESS)
CHANGED: Final = {"revision": ORDERS.c.revision + 1}
ONE_EVENT_MORE: Final = {"events": ORDERS.c.events + 1}
"""What `and_publish` needs among the changed values: the order's row counts its events, and its lock orders them."""

_PUBLISHED: Final = (
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


def and_publish(change: Insert | Update) -> Insert:
    """`change`, and an event of each order that it changes, as the order is then; the rowcount is that of `change`.

    The type of the event is the order's new status: `order.accepted`, `order.completed` and so on.
    """
    changed = change.returning(*_PUBLISHED).cte("changed")
    row = changed.c
    data = func.jsonb_build_object(
        *("order_id", row.order_id, "status", row.status, "total_cents", row.total_cents, "currency", row.currency),
        *("customer", row.customer, "lines", row.placed["lines"]),
        *("country", row.placed["shipping_address"]["country"]),
        *("tracking_number", row.tracking_number, "reason", row.reason),
    )
    return publish_of(
        changed, kind=literal("order.") + row.status, subject=row.order_id, sequence=row.events, data=data
    )


def the(values: Mapping[str, object]) -> dict[str, object]:
    """These values of columns, as a statement of this module takes them when it is executed."""
    return {f"the_{name}": value for name, value in values.items()}


def _the(*names: str) -> dict[str, Any]:
    return {name: bindparam(f"the_{name}") for name in names}


def _accept() -> Insert:
    given = ("order_id", "idempotency_key", "request_hash", "customer", "lines", "total_cents", "currency")
    order = insert(ORDERS).values(
        status=OrderStatus.ACCEPTED,
        start_due_at=func.now() + START_LEASE,
        events=1,
        **_the(*given, "deadline_at", "placed", "timeline"),
    )
    return and_publish(order.on_conflict_do_nothing(index_elements=["idempotency_key"]))


def _complete() -> Insert:
    return and_publish(
        update(ORDERS)
        .where(
            ORDERS.c.order_id == bindparam("the_order_id"),
            ORDERS.c.status.in_(OPEN),
            ORDERS.c.cancel_requested_at.is_(None),
            or_(ORDERS.c.deadline_at.is_(None), ORDERS.c.deadline_at > func.now()),
            ALLOWS_COMPLETION,
            ORDERS.c.run_id == bindparam("the_run_id"),
        )
        .values(
            status=OrderStatus.COMPLETED,
            ended_at=func.now(),
            **_the("tracking_number", "timeline", "timeline_version"),
            **ONE_EVENT_MORE,
            **CHANGED,
        )
    )


ACCEPT: Final = _accept()
"""Stores a new order, and publishes that."""
COMPLETE: Final = _complete()
"""Passes the pivot of an order that may, and publishes that."""
