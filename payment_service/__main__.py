"""Composes the payment-service and runs it: `python -m payment_service`."""

from pathlib import Path
from typing import Final

from payment_service.activities import serve_payments
from payment_service.gateway import HttpGateway
from payment_service.payments import Payments
from payment_service.settings import PaymentSettings
from payment_service.store import PaymentStore
from shared.database import create_engine
from shared.participant.activities import ActivityHost
from shared.participant.faults import FaultInjector
from shared.participant.fence import Fence
from shared.service.service import Service, run
from shared.service.settings import load
from shared.shop.payment import PAYMENT, PAYMENT_SERVICE

MIGRATIONS: Final = Path(__file__).parent / "migrations"


def compose(settings: PaymentSettings) -> Service:
    """The payment-service, ready to run."""
    activity_database = create_engine(settings.service_database_url, application_name=PAYMENT_SERVICE)
    host = ActivityHost(
        PAYMENT_SERVICE,
        fence=Fence(activity_database),
        injector=FaultInjector(activity_database) if settings.shop_mode.allows_faults else None,
    )
    gateway = HttpGateway(settings.payment_gateway_url, timeout_seconds=settings.payment_gateway_timeout_seconds)
    serve_payments(host, Payments(PaymentStore(activity_database), gateway))
    return Service(
        app=PAYMENT,
        settings=settings,
        migrations=MIGRATIONS,
        database=create_engine(settings.service_database_url, application_name=f"{PAYMENT_SERVICE} http", pool_size=2),
        activities=host,
    )


if __name__ == "__main__":
    run(compose(load(PaymentSettings)))
