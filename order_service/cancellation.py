"""Cancels an order before its pivot: either it will be undone, or the customer is refused."""

from typing import Any, Protocol

from order_service.errors import TooLateToCancelError, UnknownOrderError
from shared.shop.order import OrderStatus

_TOO_LATE = {
    OrderStatus.COMPLETED: "is completed and can't be cancelled any more: return the parcel for a refund instead",
    OrderStatus.COMPENSATED: "has failed and was undone already: nothing will be shipped",
    OrderStatus.NEEDS_ATTENTION: "is being undone, and a person is looking after what got stuck: wait for them",
}


class CancellableOrders(Protocol):
    """The part of the orders' store that cancelling uses."""

    async def request_cancel(self, order_id: str, /) -> bool: ...

    async def by_id(self, order_id: str, /) -> Any: ...  # noqa: ANN401 - a Row


class SendsCancels(Protocol):
    """The part of the starter that cancelling uses."""

    def cancel(self, order_id: str, /) -> None: ...


async def cancel(orders: CancellableOrders, starter: SendsCancels, order_id: str) -> None:
    """Cancel the order; repeats are harmless.

    Raises:
        UnknownOrderError: there is no such order.
        TooLateToCancelError: it is past its pivot.
    """
    if await orders.request_cancel(order_id):
        starter.cancel(order_id)
        return
    row = await orders.by_id(order_id)
    if row is None:
        raise UnknownOrderError(order_id=order_id)
    if row.status == OrderStatus.CANCELLED:
        return
    raise TooLateToCancelError(order_id=order_id, why=_TOO_LATE[OrderStatus(row.status)])
