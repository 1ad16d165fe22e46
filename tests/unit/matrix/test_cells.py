"""The fault matrix in memory: every cell ends as the hand-written rules demand."""

from collections import Counter

import pytest

from saga_testing.matrix.cells import VARIANTS, Cell, Kind, cells_of
from saga_testing.matrix.expectations import LATE_EXECUTIONS, RULES, expected_end
from shared.contracts.call import FaultMode
from shared.shop.order import CONCLUDE_APPROVAL, HOLD_ORDER, SAGA_ACTIVITIES, TAKE_OVER_ORDER
from tests.order_saga.matrix import SHOP, simulate

pytestmark = pytest.mark.unit

CELLS = list(cells_of(SHOP))


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.id)
def test_a_cell_ends_as_its_rule_demands(cell: Cell) -> None:
    """Status, outcome of every step and every single call are what the table of rules says; nothing is called twice."""
    assert simulate(cell).end == expected_end(cell, SHOP)


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.id)
def test_a_cells_fault_is_injected(cell: Cell) -> None:
    """A cell whose fault never strikes would prove nothing."""
    rule = RULES[cell.kind][cell.variant]

    assert simulate(cell).hits == min(cell.own.times, rule.attempts)


@pytest.mark.parametrize(
    "cell", [cell for cell in CELLS if (cell.kind, cell.variant) in LATE_EXECUTIONS], ids=lambda cell: cell.id
)
def test_a_late_execution_ends_after_the_saga_has_given_up(cell: Cell) -> None:
    """The action of a late do comes after its undo, and is turned away; a late undo still takes effect."""
    undo_of = {step.do: step.undo for step in SHOP.steps}
    executions = simulate(cell).executions
    ended = [execution.activity for execution in executions]

    late = ended.index(cell.activity)
    assert ended.index(undo_of.get(cell.activity, SHOP.park)) < late
    assert executions[late].ended == LATE_EXECUTIONS[cell.kind, cell.variant]


def test_the_matrix_covers_every_activity_and_every_mode() -> None:
    """A new activity or mode without cells turns this red; the saga's steps are found out and not listed."""
    # Only the recovery calls the first, and only an order that is checked for fraud the others.
    others = {contract.activity for contract in (TAKE_OVER_ORDER, HOLD_ORDER, CONCLUDE_APPROVAL)}
    assert {cell.activity for cell in CELLS} == set(SHOP.activities)
    assert SAGA_ACTIVITIES - others == set(SHOP.activities)
    for kind in (Kind.DO, Kind.UNDO, Kind.PIVOT):
        assert {variant.mode for variant in VARIANTS[kind].values()} == set(FaultMode)
    assert {variant.mode for variant in VARIANTS[Kind.RECORD].values()} == set(FaultMode) - {FaultMode.REFUSE}


def test_every_variant_has_a_rule_and_every_rule_a_variant() -> None:
    """What a cell must come to is never left to the simulation."""
    assert {kind: set(rules) for kind, rules in RULES.items()} == {kind: set(names) for kind, names in VARIANTS.items()}


def test_cells_have_names_of_their_own() -> None:
    """One name replays one cell."""
    assert [name for name, count in Counter(cell.id for cell in CELLS).items() if count > 1] == []
