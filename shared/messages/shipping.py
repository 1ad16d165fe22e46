"""Messages of the shipping-service."""

from shared.messages.base import Message
from shared.messages.inventory import StockLine
from shared.messages.repair import UndoAnswer


class Address(Message):
    """Where the parcel goes."""

    name: str
    line1: str
    city: str
    postal_code: str
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
