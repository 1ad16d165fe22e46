"""The order saga, as the matrix plays it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import partial

from order_service.workflow import order_workflow_shown_to
from saga_testing.engine import Make
from saga_testing.matrix import simulation
from saga_testing.matrix.cells import Cell, Kind
from saga_testing.matrix.definition import Subject, discover
from shared.contracts.call import Fault
from shared.shop.order import PlacedOrder
from tests.order_saga.orders import an_order
from tests.order_saga.worlds import Participants


def an_order_with(
    faults: Sequence[Fault], *, deadline_seconds: float | None = None, undo_patience_seconds: float | None = None
) -> PlacedOrder:
    """An order that carries this fault plan."""
    order = an_order(deadline_seconds=deadline_seconds, undo_patience_seconds=undo_patience_seconds)
    return PlacedOrder.model_validate({**order.model_dump(), "faults": faults})


def subject(make: Make) -> Subject:
    """A workflow of orders, with the shop's participants."""
    return Subject(make, an_order_with, Participants)


ORDER_SAGA = subject(order_workflow_shown_to)
SHOP = discover(ORDER_SAGA)
"""The steps of the order saga."""

simulate = partial(simulation.simulate, saga=ORDER_SAGA)


def one_per_rule(cells: Iterable[Cell]) -> frozenset[str]:
    """The ids of one cell for each rule; the activities that share rules take turns."""
    of_rule: dict[tuple[Kind, str], list[str]] = defaultdict(list)
    for cell in cells:
        of_rule[cell.kind, cell.variant].append(cell.id)
    return frozenset(ids[turn % len(ids)] for turn, ids in enumerate(of_rule.values()))
