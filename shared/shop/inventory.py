"""Messages and documents of the inventory-service."""

from typing import Final

from shared.contracts.app import App, HandBooks, Rule
from shared.contracts.call import UndoStep
from shared.contracts.contract import DO, DO_SECONDS, UNDO, UNDO_SECONDS, Contract
from shared.contracts.message import Message
from shared.contracts.repair import UndoAnswer
from shared.shop.groups import CORE
from shared.web.bodies import Items, Page, View

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


class ProductView(View):
    """What the shop shows of a product; `available` is what can be ordered now."""

    sku: str
    name: str
    price_cents: int
    currency: str
    available: int


class ProductPage(Page[ProductView]):
    """`GET /products`, in the order of the SKUs."""


class ProductChange(View):
    """A product as its latest change left it."""

    sku: str
    name: str
    price_cents: int
    currency: str
    revision: int


class CatalogueChanges(Items[ProductChange]):
    """`GET /catalogue/changes`, oldest change first; `revision` is the one to go on from."""

    revision: int


class Imported(View):
    """The answer to `POST /catalogue`: how many products were created, changed, or found as they should be.

    `stock_changed`: of how many that existed before there are more or fewer now. `stock_ignored`: of how many the
    file's stock is another than what is available, and was left alone. `repeated`: this delivery was added before; the
    numbers are those of that time, and nothing was changed now.
    """

    created: int
    updated: int
    unchanged: int
    stock_changed: int = 0
    stock_ignored: int = 0
    repeated: bool = False


RELEASE_STOCK: Final = Contract(INVENTORY_SERVICE, "release_stock", UndoStep, StockReleased, UNDO, UNDO_SECONDS)
RESERVE_STOCK: Final = Contract(
    INVENTORY_SERVICE, "reserve_stock", ReserveStock, StockReserved, DO, DO_SECONDS, undo=RELEASE_STOCK
)

INVENTORY: Final = App(
    app_id=INVENTORY_SERVICE,
    group=CORE,
    contracts=(RESERVE_STOCK, RELEASE_STOCK),
    event_family="stock",
    # Named here, since the order-service's declaration imports this one.
    peers={"ORDER_URL": "order-service"},
    shows={
        "stock": ("sku", "available"),
        "stock_receipts": ("sku", "quantity"),
        "reservations": ("reservation_id", "saga_id", "step", "status", "created_at", "lease_until"),
        "reservation_lines": ("reservation_id", "sku", "quantity"),
    },
    hand_books=HandBooks(
        "units_by_hand_are_booked",
        "Exactly the units that a person settled or wrote off are neither on sale nor reserved.",
        """
            SELECT r.saga_id, r.step, r.status, sum(l.quantity) AS amount
            FROM inventory_service.reservations r JOIN inventory_service.reservation_lines l USING (reservation_id)
            WHERE r.status IN ('settled', 'written_off') GROUP BY r.saga_id, r.step, r.status
        """,
    ),
    rules=(
        Rule(
            "stock_adds_up",
            "What was received of a SKU is available, reserved, or closed by hand.",
            """
            SELECT s.sku AS subject,
                   coalesce(r.units, 0) || ' received, but ' || s.available || ' available and ' || coalesce(h.units, 0)
                   || ' reserved or closed by hand' AS detail
            FROM inventory_service.stock s
            LEFT JOIN (
                SELECT sku, sum(quantity) AS units FROM inventory_service.stock_receipts GROUP BY sku
            ) r USING (sku)
            LEFT JOIN (
                SELECT l.sku, sum(l.quantity) AS units
                FROM inventory_service.reservation_lines l JOIN inventory_service.reservations r USING (reservation_id)
                WHERE r.status <> 'released' GROUP BY l.sku
            ) h USING (sku)
            WHERE coalesce(r.units, 0) <> s.available + coalesce(h.units, 0)
            """,
        ),
        Rule(
            "stock_is_never_negative",
            "No SKU has less than nothing.",
            """
            SELECT sku AS subject, available || ' available' AS detail FROM inventory_service.stock WHERE available < 0
            """,
        ),
    ),
)
