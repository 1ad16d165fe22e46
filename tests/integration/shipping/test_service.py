"""The shipping-service as a whole: its settings, its contracts, its HTTP surface and its process."""

from collections.abc import AsyncIterator

import pytest

from shared.service.settings import load
from shared.shop.shipping import SHIPPING, ShipmentView
from shipping_service.__main__ import compose
from shipping_service.api import shipping_routes
from shipping_service.settings import ShippingSettings
from tests.integration.api import Client, client_of
from tests.integration.service_process import running
from tests.integration.shipping.world import Shipping


@pytest.fixture
async def client(shipping: Shipping) -> AsyncIterator[Client]:
    async with client_of(shipping_routes(shipping.database)) as client:
        yield client


@pytest.mark.usefixtures("environment")
def test_every_contract_is_served_and_nothing_else() -> None:
    activities = compose(load(ShippingSettings)).activities

    assert activities.names == {contract.activity for contract in SHIPPING.contracts}


def test_countries_are_written_with_spaces_or_commas(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("SHIPPING_COUNTRIES", "de, at CH")

    assert load(ShippingSettings).shipping_countries == {"DE", "AT", "CH"}


@pytest.mark.parametrize("countries", ["", "Germany", "DE;AT"])
def test_senseless_countries_stop_the_start(environment: pytest.MonkeyPatch, countries: str) -> None:
    environment.setenv("SHIPPING_COUNTRIES", countries)

    with pytest.raises(SystemExit, match="SHIPPING_COUNTRIES"):
        load(ShippingSettings)


async def test_a_parcel_is_found_by_its_number(client: Client, shipping: Shipping) -> None:
    """Without its address: whoever finds a label may ask."""
    booked = await shipping.book()
    async with client.get(f"/shipments/{booked.tracking_number}") as response:
        shown = await response.json()
    parcel = ShipmentView.model_validate(shown)

    assert response.status == 200
    assert (parcel.tracking_number, parcel.status) == (booked.tracking_number, "booked")
    assert (parcel.country, parcel.cancelled_at) == ("GB", None)
    assert set(shown) == {"tracking_number", "status", "country", "booked_at", "cancelled_at"}

    await shipping.cancel()
    async with client.get(f"/shipments/{booked.tracking_number}") as response:
        parcel = ShipmentView.model_validate(await response.json())
    assert parcel.status == "cancelled"
    assert parcel.cancelled_at
    assert parcel.cancelled_at >= parcel.booked_at


@pytest.mark.parametrize("tracking_number", ["SHP0000000000000", "SHP1", "%00", "%ED%A0%80"])
async def test_unknown_parcel_is_404(client: Client, tracking_number: str) -> None:
    async with client.get(f"/shipments/{tracking_number}") as response:
        problem = await response.json()

    assert (response.status, response.content_type) == (404, "application/problem+json")
    assert problem["detail"].startswith("There is no shipment ")


async def test_the_process_lives_and_drains(database_url: str) -> None:
    """Alive without a sidecar, not ready, and ended well by SIGTERM."""
    async with running("shipping_service", database_url) as service:
        status, problem = await service.get("/readyz")
        assert (status, problem["title"]) == (503, "Service Unavailable")
        assert await service.stop() == 0
