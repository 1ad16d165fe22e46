"""Orders as the engine in memory plays them, and the calls that they are expected to make."""

from collections.abc import Mapping, Sequence

import pytest

from order_service.workflow import order_workflow_shown_to
from saga_testing.engine import Play
from saga_testing.script import Answer, Raised
from tests.order_saga.orders import an_order
from tests.order_saga.worlds import Script

RESERVED = ["validate_order", "reserve_stock"]
PAID = [*RESERVED, "process_payment"]
SHIPPED = [*PAID, "book_shipment"]
COMPLETED = [*SHIPPED, "complete_order"]
UNDO_1 = ["release_stock", "close_order"]
UNDO_2 = ["refund_payment", *UNDO_1]
UNDO_3 = ["cancel_shipment", *UNDO_2]
ONCE_THEN_DONE = [
    pytest.param("reserve_stock", [*RESERVED, "reserve_stock#2", *COMPLETED[2:]], id="reserve"),
    pytest.param("process_payment", [*PAID, "process_payment#2", *COMPLETED[3:]], id="pay"),
    pytest.param("book_shipment", [*SHIPPED, "book_shipment#2", *COMPLETED[4:]], id="ship"),
]
NOT_SURE = [
    pytest.param("reserve_stock", [*RESERVED, *UNDO_1], id="reserve"),
    pytest.param("process_payment", [*PAID, *UNDO_2], id="pay"),
    pytest.param("book_shipment", [*SHIPPED, *UNDO_3], id="ship"),
]
DOS = ["reserve_stock", "process_payment", "book_shipment"]
UNDOS = ["release_stock", "refund_payment", "cancel_shipment"]


def again(activity: str, attempts: int) -> list[str]:
    """The retries of an activity, from its second attempt."""
    return [f"{activity}#{attempt}" for attempt in range(2, attempts + 1)]


def play(answers: Mapping[str, Sequence[Answer]] | None = None, *events: Raised) -> Play:
    return Script(answers, events).play(order_workflow_shown_to, an_order())
