"""Cancels an order before its pivot: either it will be undone, or the customer is refused."""

from order_service.errors import TooLateToCancelError, UnknownOrderError
from order_service.orders import OrderStore
from order_service.starter import Starter
from shared.shop.order import OrderStatus

_TOO_LATE = {
    OrderStatus.COMPLETED: "is completed and can't be cancelled any more: return the parcel for a refund instead",
    OrderStatus.COMPENSATED: "has failed and was undone already: nothing was charged and nothing will be shipped",
    OrderStatus.NEEDS_ATTENTION: "is being undone, and a person is looking after what got stuck: wait for them",
}


async def cancel(orders: OrderStore, starter: Starter, order_id: str) -> None:
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
