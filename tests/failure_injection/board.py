"""Plays the cells of the matrix on a real stack: many orders side by side, healthy ones among them.

Cells that kill a process would disturb the others' timing, so they go first; each app's one after the other, since
the death that one plans would cut another short at a point that it didn't plan. The order-service's go before all: its
pivot has a part in the plans of the others.
"""

import threading
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from typing import Any, Final
from uuid import uuid4

from saga_testing.matrix.cells import Cell
from shared.shop.order import ORDER_SERVICE
from shared.shop.registry import SHOP
from tests.e2e.repairs import Repairer
from tests.e2e.shop import ENDED, Shop, an_order, eventually, unless_away

CELLS_PER_HEALTHY_ORDER: Final = 8
CLIENTS: Final = 8
CELL_SECONDS: Final = 150.0
AT_REST: Final = {*ENDED, "needs_attention"}

_APP_IDS: Final = {contract.activity: contract.app_id for contract in SHOP.contracts}


class Board:
    """The orders of all cells that were selected."""

    def __init__(self, shop: Shop, cells: Sequence[Cell]) -> None:
        self.shop = shop
        self._orders: dict[str, Future[str]] = {cell.id: Future() for cell in cells}
        self._cells = cells
        self._places = count()
        self._healthy: list[str] = []
        self._placing = threading.Thread(target=self._place_all, name="placing", daemon=True)

    def start(self) -> None:
        """Begin to place the orders."""
        self._placing.start()

    def order_of(self, cell: Cell) -> str:
        """The id of the cell's order, once it is placed."""
        return self._orders[cell.id].result(timeout=CELL_SECONDS)

    def healthy_orders(self) -> list[str]:
        """The ids of the orders without faults; waits until all orders are placed."""
        self._placing.join(timeout=CELL_SECONDS)
        return list(self._healthy)

    def at_rest(self, order_id: str) -> dict[str, Any]:
        """The order once nothing more happens to it by itself."""

        def ended() -> dict[str, Any] | None:
            order = self.shop.show(order_id)
            return order if order["status"] in AT_REST else None

        return eventually(lambda: unless_away(ended), f"{order_id} ends", CELL_SECONDS)

    def retried(self, order_id: str, undo: str) -> dict[str, Any]:
        """The order once it has ended, after a person has let this undo be retried."""
        Repairer(self.shop).decide(order_id, undo, "retry")
        return self.shop.end_of(order_id)

    def violations(self, order_id: str) -> list[Any]:
        """What conservation has to say about one order."""
        report = eventually(lambda: unless_away(self.shop.conservation), "a report")
        return [violation for violation in report["violations"] if order_id in str(violation)]

    def _place_all(self) -> None:
        self._kill_one_by_one([cell for cell in self._cells if cell.kills])
        with ThreadPoolExecutor(CLIENTS) as clients:
            list(clients.map(self._place, [cell for cell in self._cells if not cell.kills]))

    def _kill_one_by_one(self, cells: Sequence[Cell]) -> None:
        by_app = defaultdict(list)
        for cell in cells:
            by_app[_APP_IDS[cell.activity]].append(cell)

        def play(lane: list[Cell]) -> None:
            for cell in lane:
                order_id = self._place(cell)
                if order_id is not None:
                    self.at_rest(order_id)

        play(by_app.pop(ORDER_SERVICE, []))
        with ThreadPoolExecutor(max(len(by_app), 1)) as lanes:
            list(lanes.map(play, by_app.values()))

    def _place(self, cell: Cell) -> str | None:
        """Place the cell's order; whoever waits for it gets what went wrong."""
        order = self._orders[cell.id]
        try:
            if next(self._places) % CELLS_PER_HEALTHY_ORDER == 0:
                self._healthy.append(self._post({}))
            order.set_result(self._post(cell.body))
        except BaseException as error:  # noqa: BLE001 - also pytest's own: it belongs to the cell's test
            order.set_exception(error)
            return None
        return order.result()

    def _post(self, more: dict[str, Any]) -> str:
        """Post until it is answered: with the same key it stays one order."""
        key = uuid4().hex

        def answered() -> str:
            answer = self.shop.post_order({**an_order(), **more}, key)
            assert answer.status == 202, answer
            order_id: str = answer.body["order_id"]
            return order_id

        return eventually(lambda: unless_away(answered), "the order is accepted")
