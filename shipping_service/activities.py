"""The shipping activities: one closure per contract."""

from shared.contracts.call import UndoStep
from shared.participant.activities import ActivityHost, Call
from shared.shop.shipping import BOOK_SHIPMENT, CANCEL_SHIPMENT, BookShipment, ShipmentBooked, ShipmentCancelled
from shipping_service.store import Shipments


def serve_shipping(host: ActivityHost, shipments: Shipments) -> None:
    """Serve the shipping contracts."""

    async def book_shipment(call: Call[BookShipment]) -> ShipmentBooked:
        return await shipments.book(call.key, call.request)

    async def cancel_shipment(call: Call[UndoStep]) -> ShipmentCancelled:
        return await shipments.cancel(call.key, call.request.by_hand)

    host.serve(BOOK_SHIPMENT, book_shipment)
    host.serve(CANCEL_SHIPMENT, cancel_shipment)
