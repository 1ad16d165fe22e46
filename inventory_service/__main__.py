"""Composes the inventory-service and runs it: `python -m inventory_service`."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Final

import aiohttp
import structlog
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncEngine

from inventory_service.activities import serve_inventory
from inventory_service.api import MAX_CATALOGUE_BYTES, inventory_routes
from inventory_service.catalogue import Catalogue
from inventory_service.catalogue_file import read_catalogue
from inventory_service.leases import Leases, LeaseTimes, Orders
from inventory_service.settings import InventorySettings
from inventory_service.store import Stock
from shared.database import create_engine
from shared.participant.activities import ActivityHost
from shared.participant.faults import FaultInjector
from shared.participant.fence import Fence
from shared.service.lifecycle import Stop, running
from shared.service.service import Service, Surface, run
from shared.service.settings import load
from shared.shop.inventory import INVENTORY, INVENTORY_SERVICE

MIGRATIONS: Final = Path(__file__).parent / "migrations"

log = structlog.get_logger()


def compose(settings: InventorySettings) -> Service:
    """The inventory-service, ready to run."""
    http_database = create_engine(settings.service_database_url, application_name=f"{INVENTORY_SERVICE} http")
    worker_database = create_engine(settings.service_database_url, application_name=f"{INVENTORY_SERVICE} worker")
    fence = Fence(worker_database)
    injector = FaultInjector(worker_database) if settings.shop_mode.allows_faults else None
    activities = ActivityHost(INVENTORY_SERVICE, fence=fence, injector=injector)
    lease_seconds = settings.shop_reservation_lease_seconds
    serve_inventory(activities, Stock(fence, lease_seconds=lease_seconds))
    return Service(
        app=INVENTORY,
        settings=settings,
        migrations=MIGRATIONS,
        database=http_database,
        activities=activities,
        surface=_surface(http_database, settings),
        max_body_bytes=MAX_CATALOGUE_BYTES,
    )


def _surface(database: AsyncEngine, settings: InventorySettings) -> Surface:
    catalogue = Catalogue(database)
    times = LeaseTimes(settings.shop_reservation_lease_seconds, settings.shop_lease_sweep_seconds)

    @contextlib.asynccontextmanager
    async def surface(stop: Stop) -> AsyncIterator[Sequence[web.RouteDef]]:
        """Nobody is served before the shop has its first catalogue."""
        file = await asyncio.to_thread(settings.inventory_catalogue.read_bytes)
        imported = await catalogue.seed(read_catalogue(file))
        if imported is not None:
            log.info("catalogue seeded", products=imported.created)
        async with aiohttp.ClientSession() as session:
            leases = Leases(database, Stock(Fence(database)), Orders(session, settings.order_url), times)
            async with running(stop, leases.run()):
                yield inventory_routes(catalogue)

    return surface


if __name__ == "__main__":
    run(compose(load(InventorySettings)))
