"""A shipping-service of another version, which has no `book_shipment`. It runs with the real one's environment."""

from shared.contracts.contract import Contract, RequestT, ResponseT
from shared.database import create_engine
from shared.participant.activities import ActivityHost, Handler, Refusal
from shared.participant.fence import Fence
from shared.service.service import Service, run
from shared.service.settings import load
from shared.shop.shipping import BOOK_SHIPMENT, SHIPPING, SHIPPING_SERVICE
from shipping_service.__main__ import MIGRATIONS
from shipping_service.activities import serve_shipping
from shipping_service.settings import ShippingSettings
from shipping_service.store import Shipments


class HostWithoutBooking(ActivityHost):
    """Serves everything else."""

    def serve(
        self,
        contract: Contract[RequestT, ResponseT],
        handler: Handler[RequestT, ResponseT],
        *,
        refusal: Refusal[RequestT, ResponseT] | None = None,
    ) -> None:
        if contract.activity != BOOK_SHIPMENT.activity:
            super().serve(contract, handler, refusal=refusal)


def main() -> None:
    """Compose as the service does, with the other host."""
    settings = load(ShippingSettings)
    database = create_engine(settings.service_database_url, application_name=SHIPPING_SERVICE)
    fence = Fence(database)
    host = HostWithoutBooking(SHIPPING_SERVICE, fence=fence)
    serve_shipping(host, Shipments(fence, settings.shipping_countries))
    http_database = create_engine(settings.service_database_url, application_name=f"{SHIPPING_SERVICE} http")
    run(Service(SHIPPING, settings, MIGRATIONS, http_database, host))


if __name__ == "__main__":
    main()
