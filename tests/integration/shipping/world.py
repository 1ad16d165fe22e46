"""A shipping-service for the tests: short ways to book, to cancel and to count."""

from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.contracts.repair import ByHand
from shared.participant.fence import Fence, StepKey
from shared.shop.inventory import StockLine
from shared.shop.shipping import Address, BookShipment, ShipmentBooked, ShipmentCancelled
from shipping_service.settings import ShippingSettings
from shipping_service.store import Shipments

COUNTRIES: Final[frozenset[str]] = ShippingSettings.model_fields["shipping_countries"].default

# The fence and the parcels agree on the story of every step.
_ORPHANS: Final = text("""
    SELECT saga_id, step, state, status FROM saga_steps FULL JOIN shipments USING (saga_id, step)
    WHERE (state = 'done') IS DISTINCT FROM (status = 'booked')
      AND NOT (state IN ('refused', 'undone') AND status IS NULL)
      AND NOT (state = 'undone' AND status IN ('cancelled', 'settled', 'written_off'))
""")


def a_parcel(**address: str) -> BookShipment:
    written = {
        "name": "Ada Lovelace",
        "line1": "1 Analytical Row",
        "city": "London",
        "postal_code": "N1 9GU",
        "country": "GB",
    }
    return BookShipment(address=Address(**(written | address)), lines=(StockLine(sku="A", quantity=2),))


class Shipping:
    """The shipping-service without its HTTP surface and its sidecar."""

    def __init__(self, database: AsyncEngine) -> None:
        self.database = database
        self.shipments = Shipments(Fence(database), COUNTRIES)

    async def book(self, saga_id: str = "order-1", **address: str) -> ShipmentBooked:
        return await self.shipments.book(StepKey(saga_id, "book_shipment"), a_parcel(**address))

    async def cancel(self, saga_id: str = "order-1", by_hand: ByHand | None = None) -> ShipmentCancelled:
        return await self.shipments.cancel(StepKey(saga_id, "book_shipment"), by_hand)

    async def statuses(self) -> dict[str, str]:
        """The status of each saga's parcel."""
        async with self.database.connect() as connection:
            rows = await connection.execute(text("SELECT saga_id, status FROM shipments"))
            return {row.saga_id: row.status for row in rows}

    async def orphans(self) -> list[tuple[object, ...]]:
        """Parcels that the fence doesn't know of, and steps without the parcel they claim."""
        async with self.database.connect() as connection:
            return [tuple(row) for row in await connection.execute(_ORPHANS)]
