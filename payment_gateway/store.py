"""The gateway's books. Every change is one transaction that holds the row of its key; what is read is of one moment."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Row, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from payment_gateway.bodies import ChargeBody, RefundBody
from payment_gateway.errors import (
    AlreadyRefundedError,
    ChargeSealedError,
    KeyClosedError,
    KeyReusedError,
    NotCapturedError,
    RefundTooLargeError,
    UnknownChargeError,
)
from payment_gateway.tables import CHARGES, REFUNDS


@dataclass(frozen=True, slots=True)
class Charged:
    """The charge under a key; `is_first` if this request made it."""

    charge: Row[Any]
    is_first: bool


class GatewayStore:
    """The gateway's books, for writing."""

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database

    async def charge(self, key: str, body: ChargeBody, *, approves: bool) -> Charged:
        """Take the money, or remember that the card was declined; a repeat changes nothing.

        Raises:
            KeyClosedError: the key was voided or sealed.
            KeyReusedError: the key was used with another body.
        """
        async with self._database.begin() as tx:
            made = await _claim(
                tx,
                key,
                **body.model_dump(),
                status="succeeded" if approves else "declined",
                captured_cents=body.amount_cents if approves else 0,
            )
            if made is not None:
                return Charged(made, is_first=True)
            charge = await _lock(tx, key)
        if charge.closed_at is not None or charge.sealed_at is not None:
            raise KeyClosedError
        first = (charge.amount_cents, charge.currency, charge.token, charge.reference)
        if first != (body.amount_cents, body.currency, body.token, body.reference):
            raise KeyReusedError
        return Charged(charge, is_first=False)

    async def refund(self, key: str, body: RefundBody) -> Row[Any]:
        """Give back a part, or all that is left; a repeat with the key returns the first refund.

        Raises:
            UnknownChargeError | NotCapturedError | AlreadyRefundedError | ChargeSealedError | RefundTooLargeError:
                nothing was given back.
            KeyReusedError: the key was used with another body.
        """
        async with self._database.begin() as tx:
            charge = await _lock_charge(tx, body.charge_id)
            first = (await tx.execute(select(REFUNDS).where(REFUNDS.c.idempotency_key == key))).first()
            if first is not None:
                if (first.charge_id, first.requested_cents) != (body.charge_id, body.amount_cents):
                    raise KeyReusedError
                return first
            if charge.sealed_at is not None:
                raise ChargeSealedError
            left_cents = _left_cents(charge)
            if body.amount_cents is not None and body.amount_cents > left_cents:
                raise RefundTooLargeError(f"Only {left_cents} cents are left of this charge.")
            return await _give_back(tx, charge, body.amount_cents or left_cents, key, body.amount_cents)

    async def void(self, key: str) -> Row[Any]:
        """Close the key for good and give back what is left of its charge; the charge's row, as it stays for ever.

        Raises:
            ChargeSealedError: what is left of the charge was sealed, so that none of it is given back.
        """
        async with self._database.begin() as tx:
            tombstone = await _close_unused(tx, key)
            if tombstone is not None:
                return tombstone
            charge = await _lock(tx, key)
            if charge.sealed_at is not None:
                raise ChargeSealedError
            if charge.closed_at is not None:
                return charge
            left_cents = charge.captured_cents - charge.refunded_cents
            if left_cents:
                await _give_back(tx, charge, left_cents, None, None)
            return await _shut(tx, key, CHARGES.c.closed_at)

    async def seal(self, key: str) -> Row[Any]:
        """Close the key for good as it is: nothing is charged under it any more, nothing given back; its row.

        A refund or a charge that is under way comes either before, and is seen in the row, or too late.
        """
        async with self._database.begin() as tx:
            tombstone = await _close_unused(tx, key)
            if tombstone is not None:
                return tombstone
            charge = await _lock(tx, key)
            if charge.sealed_at is not None or charge.closed_at is not None:
                return charge
            keeps = charge.captured_cents > charge.refunded_cents
            return await _shut(tx, key, CHARGES.c.sealed_at if keeps else CHARGES.c.closed_at)


async def _claim(tx: AsyncConnection, key: str, **values: object) -> Row[Any] | None:
    """Insert the key's row; None if it is there already (after waiting for whoever is inserting it)."""
    statement = insert(CHARGES).values(idempotency_key=key, charge_id=f"ch_{uuid.uuid4().hex}", **values)
    return (await tx.execute(statement.on_conflict_do_nothing().returning(*CHARGES.c))).first()


async def _close_unused(tx: AsyncConnection, key: str) -> Row[Any] | None:
    """Close a key that was never used; None if it was."""
    return await _claim(tx, key, status="void", captured_cents=0, closed_at=func.now())


async def _shut(tx: AsyncConnection, key: str, column: Column[Any]) -> Row[Any]:
    statement = update(CHARGES).where(CHARGES.c.idempotency_key == key).values({column: func.now()})
    return (await tx.execute(statement.returning(*CHARGES.c))).one()


async def _lock(tx: AsyncConnection, key: str) -> Row[Any]:
    return (await tx.execute(select(CHARGES).where(CHARGES.c.idempotency_key == key).with_for_update())).one()


async def _lock_charge(tx: AsyncConnection, charge_id: str) -> Row[Any]:
    charge = (await tx.execute(select(CHARGES).where(CHARGES.c.charge_id == charge_id).with_for_update())).first()
    if charge is None:
        raise UnknownChargeError
    return charge


def _left_cents(charge: Row[Any]) -> int:
    if charge.captured_cents == 0:
        raise NotCapturedError
    left_cents: int = charge.captured_cents - charge.refunded_cents
    if left_cents == 0:
        raise AlreadyRefundedError
    return left_cents


async def _give_back(
    tx: AsyncConnection, charge: Row[Any], amount_cents: int, key: str | None, requested_cents: int | None
) -> Row[Any]:
    total_cents = charge.refunded_cents + amount_cents
    statement = (
        insert(REFUNDS)
        .values(
            refund_id=f"re_{uuid.uuid4().hex}",
            idempotency_key=key,
            charge_id=charge.charge_id,
            requested_cents=requested_cents,
            amount_cents=amount_cents,
            total_refunded_cents=total_cents,
        )
        .on_conflict_do_nothing(index_elements=["idempotency_key"])
    )
    refund = (await tx.execute(statement.returning(*REFUNDS.c))).first()
    if refund is None:  # a refund of another charge took the key meanwhile: this one's row lock couldn't keep it out
        raise KeyReusedError
    taken = update(CHARGES).where(CHARGES.c.charge_id == charge.charge_id).values(refunded_cents=total_cents)
    await tx.execute(taken)
    return refund


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
