"""Messages of the inventory-service."""

from shared.messages.base import Message
from shared.messages.repair import UndoAnswer


class StockLine(Message):
    """So many units of one SKU."""

    sku: str
    quantity: int


class ReserveStock(Message):
    """Set these units aside for the order: all lines or none."""

    lines: tuple[StockLine, ...]


class StockReserved(Message):
    """All lines are set aside."""

    reservation_id: str


class StockReleased(UndoAnswer):
    """The units are back on sale; 0 if nothing had been reserved, or if a person closed the step."""

    released_units: int

    @property
    def _undone(self) -> str:
        return f"{self.released_units} units are back on sale" if self.released_units else "nothing was reserved"
