"""Messages and documents of the shipping-service."""

from typing import Final

from shared.contracts.app import App, HandBooks
from shared.contracts.call import UndoStep
from shared.contracts.contract import DO, DO_SECONDS, UNDO, UNDO_SECONDS, Contract
from shared.contracts.message import Message
from shared.contracts.repair import UndoAnswer
from shared.shop.groups import CORE
from shared.shop.inventory import StockLine
from shared.web.bodies import Moment, View

SHIPPING_SERVICE: Final = "shipping-service"


class Address(Message):
    """Where the parcel goes."""

    name: str
    line1: str
    line2: str | None = None
    city: str
    region: str | None = None
    postal_code: str
    """Empty where addresses have none."""
    country: str


class BookShipment(Message):
    """Book one parcel with these lines."""

    address: Address
    lines: tuple[StockLine, ...]


class ShipmentBooked(Message):
    """The parcel will be picked up."""

    shipment_id: str
    tracking_number: str


class ShipmentCancelled(UndoAnswer):
    """No parcel leaves; `cancelled` is false if none had been booked, or if a person closed the step."""

    cancelled: bool

    @property
    def _undone(self) -> str:
        return "the parcel was cancelled" if self.cancelled else "no parcel was booked"


class ShipmentView(View):
    """`GET /shipments/{tracking_number}`. No name and no street: whoever finds a label may ask."""

    tracking_number: str
    status: str
    country: str
    booked_at: Moment
    cancelled_at: Moment | None


CANCEL_SHIPMENT: Final = Contract(SHIPPING_SERVICE, "cancel_shipment", UndoStep, ShipmentCancelled, UNDO, UNDO_SECONDS)
BOOK_SHIPMENT: Final = Contract(
    SHIPPING_SERVICE, "book_shipment", BookShipment, ShipmentBooked, DO, DO_SECONDS, undo=CANCEL_SHIPMENT
)

SHIPPING: Final = App(
    app_id=SHIPPING_SERVICE,
    group=CORE,
    contracts=(BOOK_SHIPMENT, CANCEL_SHIPMENT),
    event_family="shipment",
    shows={"shipments": ("shipment_id", "saga_id", "step", "tracking_number", "status", "booked_at")},
    hand_books=HandBooks(
        "parcels_by_hand_are_booked",
        "Exactly the parcels that a person settled or wrote off are neither on their way nor cancelled.",
        """
            SELECT saga_id, step, status, 1 AS amount FROM shipping_service.shipments
            WHERE status IN ('settled', 'written_off')
        """,
    ),
)
