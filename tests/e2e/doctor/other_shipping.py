"""A shipping-service of another version, in the ways that OTHER_SHIPPING names. It has the real one's environment."""

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from dapr.ext.workflow import WorkflowActivityContext

from shared.contracts.contract import Contract, RequestT, ResponseT
from shared.database import create_engine
from shared.participant.activities import ActivityHost, Handler, Refusal, Registrar
from shared.participant.fence import Fence
from shared.service.service import Service, run
from shared.service.settings import load
from shared.shop.shipping import BOOK_SHIPMENT, SHIPPING, SHIPPING_SERVICE
from shipping_service.__main__ import MIGRATIONS
from shipping_service.activities import serve_shipping
from shipping_service.settings import ShippingSettings
from shipping_service.store import Shipments

MISSPELT = "book_shipmnet"
CLOCK_AHEAD_SECONDS = 90.0


class MisspellingHost(ActivityHost):
    """Serves booking under another name."""

    def serve(
        self,
        contract: Contract[RequestT, ResponseT],
        handler: Handler[RequestT, ResponseT],
        *,
        refusal: Refusal[RequestT, ResponseT] | None = None,
    ) -> None:
        name = MISSPELT if contract.activity == BOOK_SHIPMENT.activity else contract.activity
        super().serve(replace(contract, activity=name), handler, refusal=refusal)


class HangingHost(ActivityHost):
    """Registers a booking that never ends, whatever it is asked."""

    def register(self, runtime: Any) -> None:  # noqa: ANN401 - the SDK's runtime, or what stands for it
        super().register(HangingRegistrar(runtime))


class HangingRegistrar:
    """Puts the booking that never ends in the place of the real one."""

    def __init__(self, runtime: Registrar) -> None:
        self._runtime = runtime

    def register_activity(self, fn: Callable[..., Any], *, name: str) -> None:
        self._runtime.register_activity(_hang if name == BOOK_SHIPMENT.activity else fn, name=name)


async def _hang(ctx: WorkflowActivityContext, envelope: dict[str, Any]) -> dict[str, Any]:
    del ctx
    await asyncio.Event().wait()
    return envelope


HOSTS = {"misspelling": MisspellingHost, "hanging": HangingHost, "ahead": ActivityHost}


def main() -> None:
    """Compose as the service does, with the other host."""
    way = os.environ["OTHER_SHIPPING"]
    if way == "ahead":
        real_time = time.time
        time.time = lambda: real_time() + CLOCK_AHEAD_SECONDS
    settings = load(ShippingSettings)
    database = create_engine(settings.service_database_url, application_name=SHIPPING_SERVICE)
    fence = Fence(database)
    host = HOSTS[way](SHIPPING_SERVICE, fence=fence)
    serve_shipping(host, Shipments(fence, settings.shipping_countries))
    http_database = create_engine(settings.service_database_url, application_name=f"{SHIPPING_SERVICE} http")
    run(Service(SHIPPING, settings, MIGRATIONS, http_database, host))


if __name__ == "__main__":
    main()
