"""Messages of the inventory-service."""

from typing import Final

from shared.contracts.call import UndoStep
from shared.contracts.contract import DO, DO_SECONDS, UNDO, UNDO_SECONDS, Contract
from shared.contracts.message import Message
from shared.contracts.repair import UndoAnswer

INVENTORY_SERVICE: Final = "inventory-service"


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


RELEASE_STOCK: Final = Contract(INVENTORY_SERVICE, "release_stock", UndoStep, StockReleased, UNDO, UNDO_SECONDS)
RESERVE_STOCK: Final = Contract(
    INVENTORY_SERVICE, "reserve_stock", ReserveStock, StockReserved, DO, DO_SECONDS, undo=RELEASE_STOCK
)
