"""Composes the shipping-service and runs it: `python -m shipping_service`."""

from pathlib import Path
from typing import Final

from shared.database import create_engine
from shared.participant.activities import ActivityHost
from shared.participant.faults import FaultInjector
from shared.participant.fence import Fence
from shared.service.service import Service, run
from shared.service.settings import load
from shared.shop.shipping import SHIPPING, SHIPPING_SERVICE
from shipping_service.activities import serve_shipping
from shipping_service.api import shipping_routes
from shipping_service.settings import ShippingSettings
from shipping_service.store import Shipments

MIGRATIONS: Final = Path(__file__).parent / "migrations"


def compose(settings: ShippingSettings) -> Service:
    """The shipping-service, ready to run."""
    http_database = create_engine(settings.service_database_url, application_name=f"{SHIPPING_SERVICE} http")
    worker_database = create_engine(settings.service_database_url, application_name=f"{SHIPPING_SERVICE} worker")
    fence = Fence(worker_database)
    host = ActivityHost(
        SHIPPING_SERVICE,
        fence=fence,
        injector=FaultInjector(worker_database) if settings.shop_mode.allows_faults else None,
    )
    serve_shipping(host, Shipments(fence, settings.shipping_countries))
    return Service(
        app=SHIPPING,
        settings=settings,
        migrations=MIGRATIONS,
        database=http_database,
        activities=host,
        routes=shipping_routes(http_database),
    )


if __name__ == "__main__":
    run(compose(load(ShippingSettings)))
