"""The catalogue in the database: filled from files, read in pages, followed by revision.

Whoever changes products holds the lock on the one row of `catalogue_state` until the end: changes get their revisions
in the order in which they become visible, so that a reader who has seen one revision has missed none before it.
"""

from typing import Final

from sqlalchemy import func as sql
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from inventory_service.catalogue_file import CatalogueFile
from inventory_service.catalogue_import import import_products
from inventory_service.tables import CATALOGUE_STATE, PRODUCTS, STOCK
from shared.shop.inventory import CatalogueChanges, Imported, ProductChange, ProductView


class Catalogue:
    """The shop's products. Every method belongs to the event loop of its pool."""

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database

    async def seed(self, file: CatalogueFile) -> Imported | None:
        """Fill the empty shop, once in the life of its database; None if that has happened before.

        Raises:
            CatalogueRejectedError: the file has errors.
        """
        async with self._database.begin() as tx:
            await _hold(tx)
            if (await tx.execute(select(CATALOGUE_STATE.c.seeded_at))).scalar_one() is not None:
                return None
            imported = await import_products(tx, file, "seed")
            await tx.execute(update(CATALOGUE_STATE).values(seeded_at=sql.now()))
            return imported

    async def import_file(self, file: CatalogueFile) -> Imported:
        """Create and update products; afterwards exactly the file's stock is available, whatever is set aside.

        Raises:
            CatalogueRejectedError: with every error of the file; nothing was changed.
        """
        async with self._database.begin() as tx:
            await _hold(tx)
            return await import_products(tx, file, "import")

    async def product(self, sku: str) -> ProductView | None:
        async with self._database.connect() as connection:
            row = (await connection.execute(_PRODUCT.where(PRODUCTS.c.sku == sku))).one_or_none()
            return None if row is None else ProductView(**row._asdict())

    async def page(self, after_sku: str, limit: int) -> list[ProductView]:
        """The next products in the order of their SKUs."""
        statement = _PRODUCT.where(PRODUCTS.c.sku > after_sku).order_by(PRODUCTS.c.sku).limit(limit)
        async with self._database.connect() as connection:
            return [ProductView(**row._asdict()) for row in await connection.execute(statement)]

    async def changes(self, since: int, limit: int) -> CatalogueChanges:
        """The products changed after revision `since`."""
        statement = select(PRODUCTS).where(PRODUCTS.c.revision > since).order_by(PRODUCTS.c.revision).limit(limit)
        async with self._database.connect() as connection:
            # First: what is changed from now on must not count as seen.
            revision: int = (await connection.execute(select(CATALOGUE_STATE.c.revision))).scalar_one()
            items = [ProductChange(**row._asdict()) for row in await connection.execute(statement)]
        return CatalogueChanges(items=items, revision=items[-1].revision if items else revision)


_PRODUCT: Final = select(
    PRODUCTS.c.sku, PRODUCTS.c.name, PRODUCTS.c.price_cents, PRODUCTS.c.currency, STOCK.c.available
).join(STOCK, STOCK.c.sku == PRODUCTS.c.sku)


async def _hold(tx: AsyncConnection) -> None:
    """Wait until nobody else changes products, and keep others out until the transaction ends."""
    await tx.execute(select(CATALOGUE_STATE.c.only_row).with_for_update())
