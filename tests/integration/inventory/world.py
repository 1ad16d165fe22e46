"""An inventory for the tests: short ways to stock it, to take from it, and to count it."""

import contextlib

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from inventory_service.catalogue import Catalogue, CatalogueRejectedError
from inventory_service.catalogue_file import read_catalogue
from inventory_service.store import Stock
from shared.contracts.repair import ByHand
from shared.participant.fence import Fence, StepKey
from shared.shop.inventory import Imported, StockLine, StockReleased, StockReserved

_UNBALANCED = text("""
    SELECT sku, coalesce(received.units, 0) AS received, available, coalesce(reserved.units, 0) AS reserved
    FROM stock
    LEFT JOIN (SELECT sku, sum(quantity) AS units FROM stock_receipts GROUP BY sku) AS received USING (sku)
    LEFT JOIN (
        SELECT sku, sum(quantity) AS units FROM reservation_lines JOIN reservations USING (reservation_id)
        WHERE status <> 'released' GROUP BY sku
    ) AS reserved USING (sku)
    WHERE coalesce(received.units, 0) <> available + coalesce(reserved.units, 0)
""")


def a_key(saga_id: str = "order-1") -> StepKey:
    return StepKey(saga_id, "reserve_stock")


HEADER = "sku,name,price_cents,currency,stock"


def a_catalogue(*lines: str, header: str = HEADER) -> bytes:
    return "\n".join((header, *lines)).encode()


class Inventory:
    """The inventory-service without its HTTP surface and its sidecar."""

    def __init__(self, database: AsyncEngine) -> None:
        self.database = database
        self.stock = Stock(Fence(database))
        self.catalogue = Catalogue(database)

    async def import_lines(self, *lines: str) -> Imported:
        return await self.catalogue.import_file(read_catalogue(a_catalogue(*lines)))

    async def stocked(self, **available: int) -> None:
        """Make exactly so much of each SKU available, whatever is sold meanwhile."""
        while True:
            now = await self.available()
            lines = (f"{sku},Product {sku},1000,EUR,{units},{now.get(sku, 0)}" for sku, units in available.items())
            with contextlib.suppress(CatalogueRejectedError):
                await self.expect(*lines)
                return

    async def expect(self, *lines: str) -> Imported:
        """Import lines with a sixth column, `expected_stock`."""
        return await self.catalogue.import_file(read_catalogue(a_catalogue(*lines, header=f"{HEADER},expected_stock")))

    async def deliver(self, key: str, *lines: str) -> Imported:
        content = a_catalogue(*lines)
        return await self.catalogue.deliver(key, read_catalogue(content), content)

    async def reserve(self, saga_id: str = "order-1", **quantities: int) -> StockReserved:
        """Reserve these quantities, with the lines in the order of the arguments."""
        lines = [StockLine(sku=sku, quantity=quantity) for sku, quantity in quantities.items()]
        return await self.stock.reserve(a_key(saga_id), lines)

    async def release(self, saga_id: str = "order-1", by_hand: ByHand | None = None) -> StockReleased:
        return await self.stock.release(a_key(saga_id), by_hand)

    async def available(self) -> dict[str, int]:
        async with self.database.connect() as connection:
            rows = await connection.execute(text("SELECT sku, available FROM stock ORDER BY sku"))
            return {row.sku: row.available for row in rows}

    async def reservations(self) -> dict[str, str]:
        """The status of each saga's reservation."""
        async with self.database.connect() as connection:
            rows = await connection.execute(text("SELECT saga_id, status FROM reservations"))
            return {row.saga_id: row.status for row in rows}

    async def count(self, table: str) -> int:
        async with self.database.connect() as connection:
            count: int = (await connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one()
            return count

    async def analyze(self) -> None:
        """Let Postgres know how large the tables are, as it finds out by itself after a while."""
        async with self.database.begin() as tx:
            await tx.execute(text("ANALYZE"))

    async def unbalanced(self) -> list[tuple[object, ...]]:
        """The SKUs of which units were lost or doubled: (sku, received, available, reserved)."""
        async with self.database.connect() as connection:
            return [tuple(row) for row in await connection.execute(_UNBALANCED)]
