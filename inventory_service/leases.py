"""Ends the leases of reservations: what no saga will release any more goes back on sale by itself.

A completed order's units must never go back on sale, so that a lease that has run out is no reason to release, but to
ask: the order-service knows what became of the order. That is a read, straight over HTTP.

    no such order, or ended undone ──► released, with a tombstone, so that a late do is refused
    still open                     ──► the lease is extended
    completed                      ──► the units are sold: the lease ends, the reservation stays
    no answer                      ──► kept, and asked about again
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

import aiohttp
import structlog
from prometheus_client import Counter
from pydantic import ValidationError
from sqlalchemy import Row, func, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from inventory_service.store import Stock
from inventory_service.tables import RESERVATIONS
from shared.contracts.message import problems_in
from shared.database import take_due
from shared.participant.fence import StepKey

TIMEOUT: Final = aiohttp.ClientTimeout(total=5)

BATCH: Final = 50
ASK_AGAIN_SECONDS: Final = 30.0
"""One replica has so long to settle what it took; afterwards, and if nobody answered, it is anybody's turn again."""

log = structlog.get_logger()

ENDED: Final = Counter("shop_leases_ended", "Reservations whose lease ran out, by what became of them", ["outcome"])


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


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """How long a lease lasts, how often ended ones are looked for, how soon a failed question is asked again."""

    lease_seconds: float
    sweep_seconds: float
    ask_again_seconds: float = ASK_AGAIN_SECONDS


class Leases:
    """Looks after reservations whose lease has run out. Several replicas share the work. Belongs to one event loop."""

    def __init__(self, database: AsyncEngine, stock: Stock, orders: Orders, times: LeaseTimes) -> None:
        self._database = database
        self._stock = stock
        self._orders = orders
        self._times = times

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            try:
                swept = await self.sweep()
            except (SQLAlchemyError, OSError, TimeoutError) as error:
                log.warning("leases not swept, trying again", error=str(error))
                swept = 0
            if swept < BATCH:
                await asyncio.sleep(self._times.sweep_seconds)

    async def sweep(self) -> int:
        """Settle one batch of ended leases; how many there were."""
        due = await self._take_due()
        for reservation in due:
            try:
                outcome = await self._settle(reservation)
            except OrdersAwayError as error:
                outcome = "kept"
                log.warning("order not asked, its units are kept", order_id=reservation.saga_id, error=str(error))
            except ValidationError as error:
                outcome = "kept"
                why = problems_in(error)
                log.error("step can't be read, its units are kept", order_id=reservation.saga_id, error=why)  # noqa: TRY400 - without its values
            ENDED.labels(outcome).inc()
        return len(due)

    async def _take_due(self) -> list[Row[tuple[str, str]]]:
        """Each ended lease goes to one replica; nothing is locked while the order-service is asked."""
        again = timedelta(seconds=self._times.ask_again_seconds)
        leased = take_due(RESERVATIONS.c.reservation_id, RESERVATIONS.c.lease_until, again, BATCH)
        statement = leased.returning(RESERVATIONS.c.saga_id, RESERVATIONS.c.step)
        async with self._database.begin() as tx:
            return list(await tx.execute(statement))

    async def _settle(self, reservation: Row[tuple[str, str]]) -> str:
        key = StepKey(reservation.saga_id, reservation.step)
        state = await self._orders.state_of(key.saga_id)
        if state is OrderIs.OPEN:
            await self._set_lease(key, self._times.lease_seconds)
            return "extended"
        if state is OrderIs.COMPLETED:
            await self._set_lease(key, None)
            return "sold"
        released = await self._stock.release(key)
        if released.released_units:
            log.warning(
                "leak repaired: units of no living order are back on sale",
                order_id=key.saga_id,
                order=state.value,
                units=released.released_units,
            )
        return f"released_{state.value}"

    async def _set_lease(self, key: StepKey, seconds: float | None) -> None:
        statement = (
            update(RESERVATIONS)
            .where(
                RESERVATIONS.c.saga_id == key.saga_id,
                RESERVATIONS.c.step == key.step,
                RESERVATIONS.c.status == "active",
            )
            .values(lease_until=None if seconds is None else func.now() + timedelta(seconds=seconds))
        )
        async with self._database.begin() as tx:
            await tx.execute(statement)
