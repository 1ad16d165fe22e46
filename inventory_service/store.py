"""Sets stock aside and puts it back, each in one statement and once per step of a saga."""

import uuid
from collections import Counter
from collections.abc import Sequence
from typing import Final

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from inventory_service.catalogue_file import is_sku
from inventory_service.tables import STOCK
from shared.contracts.repair import ByHand
from shared.participant.errors import Refused
from shared.participant.fence import Fence, StepKey
from shared.participant.hand_closings import STATUS, record_closing
from shared.shop.inventory import StockLine, StockReleased, StockReserved

LEASE_SECONDS: Final = 3600.0
"""Longer than an order takes (its deadline and the patience of its undo), so that few orders are asked about twice."""

MAX_QUANTITY: Final = 1_000_000_000
"""Of one SKU in one reservation; keeps every sum far inside a bigint."""

# Rows are locked in the order of their SKUs, so that orders with the same products never wait for each other in a
# circle. `taken` sees the newest stock, also if it had to wait for it: Postgres checks the condition again.
_RESERVE: Final = text("""
    WITH wanted AS (
        SELECT * FROM unnest(CAST(:skus AS text[]), CAST(:quantities AS bigint[])) AS line (sku, quantity)
    ), locked AS (
        SELECT stock.sku, wanted.quantity FROM stock JOIN wanted USING (sku) ORDER BY stock.sku FOR UPDATE OF stock
    ), taken AS (
        UPDATE stock SET available = stock.available - locked.quantity
        FROM locked WHERE stock.sku = locked.sku AND stock.available >= locked.quantity
        RETURNING stock.sku, locked.quantity
    ), reservation AS (
        INSERT INTO reservations (reservation_id, saga_id, step, status, lease_until)
        VALUES (:reservation_id, :saga_id, :step, 'active', now() + make_interval(secs => :lease_seconds))
    ), event AS (
        INSERT INTO outbox (type, subject, sequence, data)
        VALUES ('stock.reserved', :saga_id, 1,
            jsonb_build_object('order_id', CAST(:saga_id AS text), 'reservation_id', CAST(:reservation_id AS text)))
    )
    INSERT INTO reservation_lines (reservation_id, sku, quantity)
    SELECT :reservation_id, sku, quantity FROM taken
    RETURNING sku
""")

_RELEASE: Final = text("""
    WITH released AS (
        UPDATE reservations SET status = 'released', released_at = now(), lease_until = NULL
        WHERE reservation_id = :reservation_id AND status = 'active'
        RETURNING reservation_id, saga_id
    ), locked AS (
        SELECT stock.sku, line.quantity
        FROM released JOIN reservation_lines AS line USING (reservation_id) JOIN stock USING (sku)
        ORDER BY stock.sku FOR UPDATE OF stock
    ), event AS (
        INSERT INTO outbox (type, subject, sequence, data)
        SELECT 'stock.released', released.saga_id, 2, jsonb_build_object('order_id', released.saga_id,
            'reservation_id', reservation_id, 'released_units', (SELECT sum(quantity) FROM locked))
        FROM released
    )
    UPDATE stock SET available = stock.available + locked.quantity
    FROM locked WHERE stock.sku = locked.sku
    RETURNING locked.quantity
""")

_CLOSE: Final = text("""
    WITH closed AS (
        UPDATE reservations SET status = :status, lease_until = NULL
        WHERE reservation_id = :reservation_id AND status = 'active'
        RETURNING reservation_id
    )
    SELECT line.quantity FROM closed JOIN reservation_lines AS line USING (reservation_id)
""")


class Stock:
    """The units on sale, as the sagas take them and bring them back."""

    def __init__(self, fence: Fence, *, lease_seconds: float = LEASE_SECONDS) -> None:
        """Sagas' reservations behind `fence`; `lease_seconds` after it was made one is asked about."""
        self._fence = fence
        self._lease_seconds = lease_seconds

    async def reserve(self, key: StepKey, lines: Sequence[StockLine]) -> StockReserved:
        """Set all lines aside, or none.

        Raises:
            Refused: too little is left of a product, there is no such product, or a quantity makes no sense.
        """

        async def reserve(tx: AsyncConnection) -> StockReserved:
            return await _reserve(tx, key, _merged(lines), self._lease_seconds)

        return await self._fence.do(key, StockReserved, reserve)

    async def release(self, key: StepKey, by_hand: ByHand | None = None) -> StockReleased:
        """Put back whatever the step had set aside; 0 units if that was nothing.

        `by_hand`: don't put it back, but close the reservation, so that no later undo does.
        """

        async def release(tx: AsyncConnection, reserved: StockReserved | None) -> StockReleased:
            if reserved is None:
                return StockReleased(released_units=0)
            if by_hand is not None:
                return await _close(tx, key, reserved, by_hand)
            quantities = await tx.scalars(_RELEASE, {"reservation_id": reserved.reservation_id})
            return StockReleased(released_units=sum(quantities))

        return await self._fence.undo(key, StockReserved, StockReleased, release)


def _merged(lines: Sequence[StockLine]) -> dict[str, int]:
    """The quantity wanted of each SKU.

    Raises:
        Refused: there is nothing to set aside, or a line makes no sense.
    """
    wanted: Counter[str] = Counter()
    for line in lines:
        if not is_sku(line.sku):
            raise Refused(f"unknown product: {line.sku[:64]!a}")
        if not 1 <= line.quantity <= MAX_QUANTITY:
            raise Refused(f"the quantity of {line.sku} must be from 1 to {MAX_QUANTITY}")
        wanted[line.sku] += line.quantity
    if not wanted:
        raise Refused("there is nothing to reserve")
    return dict(wanted)


async def _reserve(tx: AsyncConnection, key: StepKey, wanted: dict[str, int], lease_seconds: float) -> StockReserved:
    reservation_id = uuid.uuid4().hex
    reserved = await tx.scalars(
        _RESERVE,
        {
            "skus": list(wanted),
            "quantities": list(wanted.values()),
            "reservation_id": reservation_id,
            "saga_id": key.saga_id,
            "step": key.step,
            "lease_seconds": lease_seconds,
        },
    )
    missing = wanted.keys() - set(reserved)
    if missing:
        # The fence rolls back what the other lines took.
        raise Refused(await _why_short(tx, {sku: wanted[sku] for sku in sorted(missing)}))
    return StockReserved(reservation_id=reservation_id)


async def _close(tx: AsyncConnection, key: StepKey, reserved: StockReserved, by_hand: ByHand) -> StockReleased:
    """Take the units off the reserved ones without putting them on sale: only the person knows where they are."""
    values = {"reservation_id": reserved.reservation_id, "status": STATUS[by_hand.decision]}
    units = sum(await tx.scalars(_CLOSE, values))
    if not units:
        return StockReleased(released_units=0)
    closing = by_hand.closes(units, "units")
    await record_closing(tx, key, closing)
    return StockReleased(released_units=0, by_hand=closing)


async def _why_short(tx: AsyncConnection, missing: dict[str, int]) -> str:
    rows = await tx.execute(select(STOCK.c.sku, STOCK.c.available).where(STOCK.c.sku.in_(missing)))
    available = {row.sku: row.available for row in rows}
    unknown = [sku for sku in missing if sku not in available]
    if unknown:
        return f"unknown product: {', '.join(unknown)}"
    shortages = (f"only {available[sku]} of {sku} left, {quantity} wanted" for sku, quantity in missing.items())
    return f"out of stock: {'; '.join(shortages)}"
