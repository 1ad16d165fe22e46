"""Cancelling: before the pivot it is taken, after it the customer reads what to do instead."""

from http import HTTPStatus

import pytest

from order_service.api.problems import STATUSES
from order_service.cancellation import cancel
from order_service.errors import TooLateToCancelError, UnknownOrderError
from shared.shop.order import OrderStatus
from tests.unit.order.fakes import FakeOrders, FakeStarter

pytestmark = pytest.mark.unit


async def cancelled(orders: FakeOrders) -> list[str]:
    starter = FakeStarter()
    await cancel(orders, starter, "ord-1")
    return starter.cancelled


@pytest.mark.parametrize("status", [OrderStatus.ACCEPTED, OrderStatus.IN_PROGRESS])
async def test_an_open_order_is_cancelled(status: OrderStatus) -> None:
    """Its workflow is signalled."""
    assert await cancelled(FakeOrders().with_status(status)) == ["ord-1"]


async def test_cancelling_twice_is_harmless() -> None:
    """A cancelled order is cancelled: the repeat gets the same answer and troubles nobody."""
    assert await cancelled(FakeOrders().with_status(OrderStatus.CANCELLED)) == []


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (OrderStatus.COMPLETED, "return the parcel"),
        (OrderStatus.COMPENSATED, "nothing will be shipped"),
        (OrderStatus.NEEDS_ATTENTION, "wait for them"),
    ],
)
async def test_a_late_cancel_is_a_conflict_with_advice(status: OrderStatus, advice: str) -> None:
    """409 says what the customer can do instead."""
    with pytest.raises(TooLateToCancelError) as caught:
        await cancelled(FakeOrders().with_status(status))

    assert STATUSES[caught.type] == HTTPStatus.CONFLICT
    assert advice in str(caught.value)


async def test_an_unknown_order_is_not_found() -> None:
    """404 names the id that was asked for."""
    with pytest.raises(UnknownOrderError) as caught:
        await cancelled(FakeOrders())

    assert STATUSES[caught.type] == HTTPStatus.NOT_FOUND
    assert "ord-1" in str(caught.value)


def test_every_status_has_an_answer() -> None:
    """A new status can't be forgotten here."""
    tested = {"accepted", "in_progress", "cancelled", "completed", "compensated", "needs_attention"}

    assert tested == {status.value for status in OrderStatus}
