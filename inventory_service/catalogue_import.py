"""Brings the products and their stock to what a file says, in the caller's transaction."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Final, Literal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from inventory_service.catalogue_file import CatalogueFile, CatalogueLine, LineError
from shared.shop.inventory import Imported

ReceiptKind = Literal["seed", "import"]


class CatalogueRejectedError(Exception):
    """The file has errors; nothing of it was imported."""

    def __init__(self, errors: Sequence[LineError]) -> None:
        super().__init__(f"{len(errors)} errors in the catalogue")
        self.errors = tuple(sorted(errors, key=lambda error: error.line))


async def import_products(tx: AsyncConnection, file: CatalogueFile, kind: ReceiptKind) -> Imported:
    """Create and update the file's products; the caller holds `catalogue_state`.

    Raises:
        CatalogueRejectedError: with every error of the file; the caller rolls back.
    """
    await tx.execute(_CREATE_INCOMING)
    await tx.execute(_FILL_INCOMING, _columns(file.lines))
    await tx.execute(_ANALYZE_INCOMING)
    errors = [*file.errors, *(LineError(*row) for row in await tx.execute(_CURRENCY_CLASHES))]
    if errors:
        raise CatalogueRejectedError(errors)
    await tx.execute(_HOLD_STOCK)
    imported = Imported(**(await tx.execute(_COUNT)).one()._asdict())
    await tx.execute(_WRITE_PRODUCTS)
    await tx.execute(_CREATE_STOCK)
    await tx.execute(_RECEIVE_DIFFERENCE, {"kind": kind})
    await tx.execute(_SET_STOCK)
    return imported


def _columns(lines: Sequence[CatalogueLine]) -> dict[str, list[object]]:
    return {field.name: [getattr(line, field.name) for line in lines] for field in fields(CatalogueLine)}


_CREATE_INCOMING: Final = text("""
    CREATE TEMPORARY TABLE incoming (
        line integer, sku text PRIMARY KEY, name text, price_cents integer, currency text, stock bigint
    ) ON COMMIT DROP
""")

_FILL_INCOMING: Final = text("""
    INSERT INTO incoming (line, sku, name, price_cents, currency, stock)
    SELECT * FROM unnest(
        CAST(:line AS integer[]), CAST(:sku AS text[]), CAST(:name AS text[]),
        CAST(:price_cents AS integer[]), CAST(:currency AS text[]), CAST(:stock AS bigint[])
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

_COUNT: Final = text("""
    WITH compared AS (
        SELECT products.sku IS NULL AS is_new,
               (products.name, products.price_cents, stock.available)
                   IS DISTINCT FROM (incoming.name, incoming.price_cents, incoming.stock) AS is_changed
        FROM incoming LEFT JOIN products USING (sku) LEFT JOIN stock USING (sku)
    )
    SELECT count(*) FILTER (WHERE is_new) AS created,
           count(*) FILTER (WHERE is_changed AND NOT is_new) AS updated,
           count(*) FILTER (WHERE NOT is_changed) AS unchanged
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
    SELECT sku, incoming.stock - stock.available, :kind
    FROM incoming JOIN stock USING (sku)
    WHERE incoming.stock <> stock.available
""")

_SET_STOCK: Final = text("""
    UPDATE stock SET available = incoming.stock
    FROM incoming WHERE incoming.sku = stock.sku AND incoming.stock <> stock.available
""")
