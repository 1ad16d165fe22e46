"""Composes the payment gateway and runs it until SIGTERM: `python -m payment_gateway`."""

import asyncio
from pathlib import Path
from typing import Final

import structlog

from payment_gateway.api import gateway_application
from payment_gateway.settings import GatewaySettings
from payment_gateway.store import GatewayReports, GatewayStore
from shared.database import create_engine
from shared.service.lifecycle import configure_logs, database_reason, prepare_schema, stop_signal
from shared.service.settings import load
from shared.shop.gateway import GATEWAY, PAYMENT_GATEWAY
from shared.web.http import serve_until

MIGRATIONS: Final = Path(__file__).parent / "migrations"
SHUTDOWN_SECONDS: Final = 5.0
"""Running requests are answered within this time; longer ones are cut off, which loses a reply but never a charge."""

log = structlog.get_logger()


async def serve(settings: GatewaySettings) -> None:
    """Serve the gateway until SIGTERM or SIGINT."""
    stop = stop_signal()
    await prepare_schema(settings.service_database_url, MIGRATIONS, GATEWAY.auditor_reads)
    database = create_engine(settings.service_database_url, application_name=PAYMENT_GATEWAY)

    async def readiness() -> str | None:
        return await database_reason(database)

    app = gateway_application(
        GatewayStore(database), GatewayReports(database), readiness, slow_seconds=settings.gateway_slow_seconds
    )
    place = (settings.service_http_host, settings.service_http_port)
    try:
        await serve_until(stop, app, place, shutdown_seconds=SHUTDOWN_SECONDS)
    finally:
        await database.dispose()
    log.info("stopped", app_id=PAYMENT_GATEWAY)


def main() -> None:
    """Run the gateway."""
    settings = load(GatewaySettings)
    configure_logs(PAYMENT_GATEWAY)
    asyncio.run(serve(settings))


if __name__ == "__main__":
    main()
