"""The inventory's activities: one closure per contract."""

from inventory_service.store import Stock
from shared.contracts.call import UndoStep
from shared.participant.activities import ActivityHost, Call
from shared.shop.inventory import RELEASE_STOCK, RESERVE_STOCK, ReserveStock, StockReleased, StockReserved


def serve_inventory(host: ActivityHost, stock: Stock) -> None:
    """Serve the inventory's contracts."""

    async def reserve_stock(call: Call[ReserveStock]) -> StockReserved:
        return await stock.reserve(call.key, call.request.lines)

    async def release_stock(call: Call[UndoStep]) -> StockReleased:
        return await stock.release(call.key, call.request.by_hand)

    host.serve(RESERVE_STOCK, reserve_stock)
    host.serve(RELEASE_STOCK, release_stock)
