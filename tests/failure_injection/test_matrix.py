"""The fault matrix on the real stack: every activity of the saga in every way to misbehave, one order a cell.

`make test` plays one cell of each rule, `make test-all` and `make matrix` play all; `make cell
CELL=process_payment-do-lose_reply` replays one.
"""

from collections import Counter
from collections.abc import Iterator

import pytest

from saga_testing.matrix.cells import UNDO_PATIENCE_SECONDS, Cell, Kind, cells_of
from saga_testing.matrix.expectations import Expected, expected_end
from saga_testing.matrix.simulation import Simulated
from tests.e2e.shop import eventually
from tests.failure_injection.board import CELL_SECONDS, Board
from tests.failure_injection.evidence import Evidence
from tests.failure_injection.own_stack import own_stack
from tests.order_saga.matrix import SHOP, one_per_rule, simulate

CELLS = sorted(cells_of(SHOP), key=lambda cell: not cell.kills)
IN_MAKE_TEST = one_per_rule(CELLS)


@pytest.fixture(scope="module")
def matrix(request: pytest.FixtureRequest) -> Iterator[tuple[Board, Evidence]]:
    """All selected cells, being played; when they have been, conservation holds."""
    selected = [
        cell
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.path == request.path and hasattr(item, "callspec")
        if isinstance(cell := item.callspec.params["cell"], Cell)
    ]
    with own_stack(SHOP_UNDO_PATIENCE_SECONDS=f"{UNDO_PATIENCE_SECONDS:g}") as (shop, evidence):
        board = Board(shop, selected)
        board.start()
        yield board, evidence
        for order_id in board.healthy_orders():
            assert board.at_rest(order_id)["status"] == "completed"
        report = shop.conservation()
        assert report["holds"], report["violations"]


@pytest.mark.timeout(CELL_SECONDS * 2)
@pytest.mark.parametrize(
    "cell",
    [pytest.param(cell, id=cell.id, marks=() if cell.id in IN_MAKE_TEST else pytest.mark.exhaustive) for cell in CELLS],
)
def test_cell(matrix: tuple[Board, Evidence], cell: Cell) -> None:
    """The order ends as the rules demand, by exactly the calls that the in-memory engine makes, and adds up."""
    board, evidence = matrix
    simulated = simulate(cell)
    replay = f"replay it alone: make cell CELL={cell.id}"

    order_id = board.order_of(cell)
    order = board.at_rest(order_id)
    if simulated.end.parked is not None:
        assert order["status"] == "needs_attention", replay
        # A late undo first: the person comes when the trouble is over.
        _executions(evidence, order_id, cell, simulated, but=1 if cell.kind is Kind.UNDO else 0)
        order = board.retried(order_id, simulated.end.parked)

    executions = _executions(evidence, order_id, cell, simulated)
    steps = tuple((step["name"], step["outcome"]) for step in order["steps"])
    end = Expected(order["status"], steps, evidence.calls(order_id), simulated.end.parked)
    assert expected_end(cell, SHOP) == end, replay
    assert simulated.end == end, replay
    assert [] == board.violations(order_id), replay
    assert evidence.hits(order_id)[cell.activity, 0] == simulated.hits, replay
    assert simulated.ended_executions(cell.activity) <= executions, replay


def _executions(
    evidence: Evidence, order_id: str, cell: Cell, simulated: Simulated, *, but: int = 0
) -> Counter[tuple[int, str]]:
    """How the executions of the cell's activity ended, once all have (`but` so many): also those that come late."""
    wanted = simulated.ended_executions(cell.activity).total() - but

    eventually(
        lambda: evidence.executions(order_id, cell.activity).total() >= wanted,
        f"{wanted} executions of {cell.activity} for {order_id} end",
    )
    return evidence.executions(order_id, cell.activity)
