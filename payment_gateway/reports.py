"""Reads the gateway's books: one charge, or all of them for reconciliation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from payment_gateway.errors import UnknownChargeError
from payment_gateway.tables import CHARGES, REFUNDS


@dataclass(frozen=True, slots=True)
class Books:
    """Sums per currency over all keys, and one page of the keys; both from the same moment."""

    sums: Sequence[Row[Any]]
    page: Sequence[Row[Any]]


class GatewayReports:
    """The gateway's books, for reading."""

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database

    async def by_key(self, key: str) -> tuple[Row[Any], Sequence[Row[Any]]]:
        """The charge under this key, with its refunds.

        Raises:
            UnknownChargeError: the key was never used.
        """
        return await self._charge(CHARGES.c.idempotency_key == key)

    async def by_id(self, charge_id: str) -> tuple[Row[Any], Sequence[Row[Any]]]:
        """The charge with this id, with its refunds.

        Raises:
            UnknownChargeError: there is none.
        """
        return await self._charge(CHARGES.c.charge_id == charge_id)

    async def books(self, after_key: str, limit: int) -> Books:
        """The sums, and the keys after `after_key` in their order."""
        sums = (
            select(
                CHARGES.c.currency,
                func.count().label("charges"),
                func.sum(CHARGES.c.captured_cents).label("captured_cents"),
                func.sum(CHARGES.c.refunded_cents).label("refunded_cents"),
            )
            .where(CHARGES.c.status == "succeeded")
            .group_by(CHARGES.c.currency)
            .order_by(CHARGES.c.currency)
        )
        key = CHARGES.c.idempotency_key
        page = select(CHARGES).where(key > after_key).order_by(key).limit(limit)
        async with self._database.connect() as connection:
            await connection.execution_options(isolation_level="REPEATABLE READ")
            return Books((await connection.execute(sums)).all(), (await connection.execute(page)).all())

    async def _charge(self, condition: ColumnElement[bool]) -> tuple[Row[Any], Sequence[Row[Any]]]:
        async with self._database.connect() as connection:
            await connection.execution_options(isolation_level="REPEATABLE READ")
            charge = (await connection.execute(select(CHARGES).where(condition))).first()
            if charge is None:
                raise UnknownChargeError
            refunds = select(REFUNDS).where(REFUNDS.c.charge_id == charge.charge_id).order_by(REFUNDS.c.refund_number)
            return charge, (await connection.execute(refunds)).all()
