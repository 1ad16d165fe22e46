"""An order that can't finish in time is undone, wherever it is when its time is over."""

from datetime import UTC, datetime

import pytest

from shared.shop.reasons import Reason
from tests.e2e.shop import DO, UNDO, Shop, eventually, fault, held, outcomes


@pytest.mark.parametrize("step", DO)
def test_a_step_that_takes_too_long_is_undone_at_the_orders_deadline(shop: Shop, step: str) -> None:
    """Long before its own deadline of 30 s; when its answer comes, it is undone already."""
    order_id = shop.order(fault(step, "hang", seconds=6), deadline_seconds=3)

    order = shop.end_of(order_id)

    assert order["status"] == "compensated"
    assert "before the order's deadline" in order["error"]
    assert order["reason"] == Reason.TOOK_TOO_LONG
    assert (step, "unknown") in outcomes(order)
    assert (UNDO[step], "done") in outcomes(order)


def test_an_order_whose_engine_comes_back_too_late_is_not_begun(shop: Shop) -> None:
    """It was accepted, its time passed, and then the engine was there again: nothing was done, nothing is owed."""
    with held(shop.stack, "order-service-daprd"):
        order_id = shop.order(deadline_seconds=1)
        due = shop.show(order_id)["deadline_at"]
        eventually(lambda: datetime.now(UTC) > datetime.fromisoformat(due) or None, "its time is over")

    order = shop.end_of(order_id)
    assert order["status"] == "compensated"
    assert order["deadline_at"] == due
    assert "not finished by its deadline" in order["error"]
    assert order["reason"] == Reason.TOOK_TOO_LONG
    assert [] == outcomes(order)


def test_a_pivot_that_comes_too_late_is_refused(shop: Shop) -> None:
    """All steps are done, but the order's time is over: everything is undone, newest first."""
    order_id = shop.order(fault("complete_order", "delay", seconds=6), deadline_seconds=4)

    order = shop.end_of(order_id)

    assert order["status"] == "compensated"
    assert "not finished by its deadline" in order["error"]
    assert order["reason"] == Reason.TOOK_TOO_LONG
    assert [(UNDO[name], "done") for name in reversed(DO)] == outcomes(order)[len(DO) :]


def test_an_order_in_time_completes(shop: Shop) -> None:
    """A deadline alone changes nothing."""
    assert shop.end_of(shop.order(deadline_seconds=60))["status"] == "completed"
