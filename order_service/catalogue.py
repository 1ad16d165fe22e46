"""A mirror of the inventory-service's catalogue: what is priced here can be ordered while that service is away."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import structlog
from pydantic import ValidationError
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from order_service.tables import CATALOGUE
from shared.shop.inventory import CatalogueChanges, ProductChange

SYNC_SECONDS: Final = 2.0
PAGE: Final = 1000
REQUEST_SECONDS: Final = 3.0

log = structlog.get_logger()


class InventoryAwayError(Exception):
    """The inventory-service can't be asked now."""


@dataclass(frozen=True, slots=True)
class PricedProduct:
    """A product as the customer buys it."""

    sku: str
    name: str
    price_cents: int
    currency: str


class Catalogue:
    """Prices by SKU, kept up to date with the inventory-service."""

    def __init__(self, database: AsyncEngine, session: aiohttp.ClientSession, inventory_url: str) -> None:
        self._database = database
        self._session = session
        self._inventory_url = inventory_url
        self._syncing = asyncio.Lock()

    async def priced(self, skus: Iterable[str]) -> dict[str, PricedProduct]:
        """The products with these SKUs; one that doesn't exist is missing from the answer.

        Raises:
            InventoryAwayError: a SKU isn't known here, and the inventory-service can't be asked.
        """
        wanted = set(skus)
        found = await self._find(wanted)
        if wanted - found.keys():
            await self.sync()
            found = await self._find(wanted)
        return found

    async def page(self, query: dict[str, str]) -> tuple[int, Any]:
        """The inventory-service's own answer to `GET /products`: its status and JSON.

        Raises:
            InventoryAwayError: it can't be asked.
        """
        return await self._get("/products", query)

    async def sync(self) -> None:
        """Fetch all changes since the newest that is known here.

        Raises:
            InventoryAwayError: it can't be asked.
        """
        async with self._syncing:
            while True:
                query = {"since": str(await self._newest_revision()), "limit": str(PAGE)}
                status, answer = await self._get("/catalogue/changes", query)
                try:
                    changes = CatalogueChanges.model_validate(answer).items
                except ValidationError as error:
                    raise InventoryAwayError(
                        f"inventory-service answered {status} to a question for changes"
                    ) from error
                await self._store(changes)
                if len(changes) < PAGE:
                    return

    async def run(self) -> None:
        """Follow the catalogue until cancelled."""
        while True:
            try:
                await self.sync()
            except (InventoryAwayError, SQLAlchemyError, OSError) as error:
                log.info("catalogue not synced, trying again", error=str(error))
            await asyncio.sleep(SYNC_SECONDS)

    async def _newest_revision(self) -> int:
        async with self._database.connect() as connection:
            newest: int | None = (await connection.execute(select(func.max(CATALOGUE.c.revision)))).scalar()
            return newest or 0

    async def _find(self, skus: set[str]) -> dict[str, PricedProduct]:
        columns = (CATALOGUE.c.sku, CATALOGUE.c.name, CATALOGUE.c.price_cents, CATALOGUE.c.currency)
        async with self._database.connect() as connection:
            rows = await connection.execute(select(*columns).where(CATALOGUE.c.sku.in_(skus)))
            return {row.sku: PricedProduct(*row) for row in rows}

    async def _store(self, items: list[ProductChange]) -> None:
        if not items:
            return
        statement = insert(CATALOGUE)
        new = statement.excluded
        statement = statement.on_conflict_do_update(
            index_elements=["sku"],
            set_={name: new[name] for name in ProductChange.model_fields if name != "sku"},
            where=CATALOGUE.c.revision < new.revision,
        )
        async with self._database.begin() as tx:
            await tx.execute(statement, [item.model_dump() for item in items])

    async def _get(self, path: str, query: dict[str, str]) -> tuple[int, Any]:
        timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
        try:
            async with self._session.get(self._inventory_url + path, params=query, timeout=timeout) as response:
                return response.status, await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise InventoryAwayError(f"inventory-service can't be asked: {error!r}") from error
