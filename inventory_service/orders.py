"""Asks the order-service what became of an order: a read, straight over HTTP."""

from enum import Enum
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

import aiohttp

TIMEOUT: Final = aiohttp.ClientTimeout(total=5)


class OrderIs(Enum):
    """What a reservation needs to know of its order."""

    UNKNOWN = "unknown"
    """There is no such order, and there never will be: a reservation is made after its order was stored."""
    OPEN = "open"
    UNDONE = "undone"
    COMPLETED = "completed"


_ENDS: Final = {"completed": OrderIs.COMPLETED, "compensated": OrderIs.UNDONE, "cancelled": OrderIs.UNDONE}


class OrdersAwayError(Exception):
    """The order-service gave no answer that can be relied on; its reservations are kept."""


class Orders:
    """The order-service's orders."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url.rstrip("/")

    async def state_of(self, order_id: str) -> OrderIs:
        """What became of this order.

        An answer counts only if it names the order: what any other server says (a wrong address, a proxy's 404) must
        not put a customer's units back on sale.

        Raises:
            OrdersAwayError: no answer, or one that doesn't name the order.
        """
        try:
            async with self._session.get(f"{self._url}/orders/{quote(order_id, safe='')}", timeout=TIMEOUT) as response:
                status = response.status
                answer: Any = await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise OrdersAwayError(repr(error)) from error
        if not isinstance(answer, dict) or answer.get("order_id") != order_id:
            raise OrdersAwayError(f"the answer ({status}) doesn't speak of order {order_id}")
        if status == HTTPStatus.NOT_FOUND:
            return OrderIs.UNKNOWN
        if status != HTTPStatus.OK:
            raise OrdersAwayError(f"the order-service answered {status}")
        return _ENDS.get(str(answer.get("status")), OrderIs.OPEN)
