"""The catalogue in the database: filled from files, read in pages, followed by revision.

Whoever changes products holds the lock on the one row of `catalogue_state` until the end: changes get their revisions
in the order in which they become visible, so that a reader who has seen one revision has missed none before it.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import fields
from typing import Final, Literal

from sqlalchemy import func as sql
from sqlalchemy import insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from inventory_service.catalogue_file import CatalogueFile, CatalogueLine, LineError
from inventory_service.tables import CATALOGUE_STATE, DELIVERIES, PRODUCTS, STOCK
from shared.shop.inventory import CatalogueChanges, Imported, ProductChange, ProductView
from shared.web.requests import KeyReusedError

ReceiptKind = Literal["seed", "import", "delivery"]


class CatalogueRejectedError(Exception):
    """The file has errors; nothing of it was imported."""

    def __init__(self, errors: Sequence[LineError]) -> None:
        super().__init__(f"{len(errors)} errors in the catalogue")
        self.errors = tuple(sorted(errors, key=lambda error: error.line))


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
        """Create and update products. The stock of one that exists stays, unless its line says what it expects there.

        So a file can be imported again and again, and a price be changed, beside sales.

        Raises:
            CatalogueRejectedError: with every error of the file; nothing was changed.
        """
        async with self._database.begin() as tx:
            await _hold(tx)
            return await import_products(tx, file, "import")

    async def deliver(self, key: str, file: CatalogueFile, content: bytes) -> Imported:
        """As `import_file`, and the file's stock is added to what is there: once per key, whose answer is kept.

        Raises:
            CatalogueRejectedError: as there.
            KeyReusedError: the key is that of another file.
        """
        content_hash = hashlib.sha256(content).hexdigest()
        async with self._database.begin() as tx:
            await _hold(tx)
            before = (await tx.execute(select(DELIVERIES).where(DELIVERIES.c.delivery_key == key))).first()
            if before is not None:
                if before.content_hash != content_hash:
                    raise KeyReusedError(what="delivery")
                return Imported.model_validate(before.imported | {"repeated": True})
            imported = await import_products(tx, file, "delivery")
            values = {"content_hash": content_hash, "imported": imported.model_dump()}
            await tx.execute(insert(DELIVERIES).values(delivery_key=key, **values))
            return imported

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


async def import_products(tx: AsyncConnection, file: CatalogueFile, kind: ReceiptKind) -> Imported:
    """Create and update the file's products; the caller holds `catalogue_state`.

    Raises:
        CatalogueRejectedError: with every error of the file; the caller rolls back.
    """
    await tx.execute(_CREATE_INCOMING)
    await tx.execute(_FILL_INCOMING, _columns(file.lines))
    await tx.execute(_ANALYZE_INCOMING)
    await tx.execute(_HOLD_STOCK)
    await tx.execute(_AIM, {"is_delivery": kind == "delivery"})
    found = [*await tx.execute(_CURRENCY_CLASHES), *await tx.execute(_OTHER_STOCK)]
    if errors := [*file.errors, *(LineError(*row) for row in found)]:
        raise CatalogueRejectedError(errors)
    counts = await tx.execute(_COUNT, {"is_delivery": kind == "delivery"})
    imported = Imported(**counts.one()._asdict())
    await tx.execute(_WRITE_PRODUCTS)
    await tx.execute(_CREATE_STOCK)
    await tx.execute(_RECEIVE_DIFFERENCE, {"kind": kind})
    await tx.execute(_SET_STOCK)
    return imported


def _columns(lines: Sequence[CatalogueLine]) -> dict[str, list[object]]:
    return {field.name: [getattr(line, field.name) for line in lines] for field in fields(CatalogueLine)}


_CREATE_INCOMING: Final = text("""
    CREATE TEMPORARY TABLE incoming (
        line integer, sku text PRIMARY KEY, name text, price_cents integer, currency text, stock bigint,
        expected_stock bigint, is_new boolean, target bigint
    ) ON COMMIT DROP
""")

_FILL_INCOMING: Final = text("""
    INSERT INTO incoming (line, sku, name, price_cents, currency, stock, expected_stock)
    SELECT * FROM unnest(
        CAST(:line AS integer[]), CAST(:sku AS text[]), CAST(:name AS text[]), CAST(:price_cents AS integer[]),
        CAST(:currency AS text[]), CAST(:stock AS bigint[]), CAST(:expected_stock AS bigint[])
    )
""")

_ANALYZE_INCOMING: Final = text("ANALYZE incoming")

_CURRENCY_CLASHES: Final = text("""
    SELECT incoming.line,
           'currency of ' || sku || ' is ' || products.currency || ' in this shop, not ' || incoming.currency
    FROM incoming JOIN products USING (sku)
    WHERE products.currency <> incoming.currency
""")

# In the order of the SKUs, as reservations do. From here on nobody else changes the stock of these products.
_HOLD_STOCK: Final = text("""
    SELECT count(*) FROM (
        SELECT 1 FROM stock JOIN incoming USING (sku) ORDER BY stock.sku FOR UPDATE OF stock
    ) AS held
""")

# What shall be available afterwards. Only now, for sales may have gone on until here.
_AIM: Final = text("""
    UPDATE incoming SET is_new = found.available IS NULL, target = CASE
        WHEN :is_delivery THEN coalesce(found.available, 0) + incoming.stock
        WHEN found.available IS NULL OR incoming.expected_stock IS NOT NULL THEN incoming.stock
        ELSE found.available
    END
    FROM incoming AS line LEFT JOIN stock AS found USING (sku) WHERE incoming.sku = line.sku
""")

_OTHER_STOCK: Final = text("""
    SELECT line, 'stock of ' || sku || ' is ' || coalesce(available, 0) || ', not ' || expected_stock || ' as expected'
    FROM incoming LEFT JOIN stock USING (sku) WHERE expected_stock <> coalesce(available, 0)
""")

_COUNT: Final = text("""
    WITH compared AS (
        SELECT is_new, incoming.stock <> target AS is_ignored,
               stock.available IS DISTINCT FROM incoming.target AS is_restocked,
               (products.name, products.price_cents, stock.available)
                   IS DISTINCT FROM (incoming.name, incoming.price_cents, incoming.target) AS is_changed
        FROM incoming LEFT JOIN products USING (sku) LEFT JOIN stock USING (sku)
    )
    SELECT count(*) FILTER (WHERE is_new) AS created,
           count(*) FILTER (WHERE is_changed AND NOT is_new) AS updated,
           count(*) FILTER (WHERE NOT is_changed) AS unchanged,
           count(*) FILTER (WHERE is_restocked AND NOT is_new) AS stock_changed,
           count(*) FILTER (WHERE is_ignored AND NOT CAST(:is_delivery AS boolean)) AS stock_ignored
    FROM compared
""")

_WRITE_PRODUCTS: Final = text("""
    WITH changed AS (
        SELECT incoming.sku, incoming.name, incoming.price_cents, incoming.currency,
               catalogue_state.revision + row_number() OVER (ORDER BY incoming.line) AS revision
        FROM catalogue_state CROSS JOIN incoming LEFT JOIN products USING (sku)
        WHERE (products.name, products.price_cents) IS DISTINCT FROM (incoming.name, incoming.price_cents)
    ), written AS (
        INSERT INTO products (sku, name, price_cents, currency, revision)
        SELECT sku, name, price_cents, currency, revision FROM changed
        ON CONFLICT (sku) DO UPDATE
        SET name = EXCLUDED.name, price_cents = EXCLUDED.price_cents, revision = EXCLUDED.revision
        RETURNING revision
    )
    UPDATE catalogue_state SET revision = greatest(revision, (SELECT max(written.revision) FROM written))
""")

_CREATE_STOCK: Final = text("INSERT INTO stock (sku, available) SELECT sku, 0 FROM incoming ON CONFLICT DO NOTHING")

_RECEIVE_DIFFERENCE: Final = text("""
    INSERT INTO stock_receipts (sku, quantity, kind)
    SELECT sku, incoming.target - stock.available, :kind
    FROM incoming JOIN stock USING (sku)
    WHERE incoming.target <> stock.available
""")

_SET_STOCK: Final = text("""
    UPDATE stock SET available = incoming.target
    FROM incoming WHERE incoming.sku = stock.sku AND incoming.target <> stock.available
""")
