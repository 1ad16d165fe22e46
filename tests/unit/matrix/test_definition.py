"""The matrix finds out by itself what a saga consists of."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from saga_testing.engine import Make
from saga_testing.matrix.cells import Kind, cells_of
from saga_testing.matrix.definition import Step, discover
from saga_testing.matrix.expectations import expected_end
from shared.contracts.call import UndoStep
from shared.contracts.contract import DO, DO_SECONDS, UNDO, UNDO_SECONDS, Contract
from shared.contracts.repair import UndoAnswer
from shared.saga.context import Turns
from shared.saga.failures import SagaStopped
from shared.saga.saga import Observer, Saga
from shared.saga.terms import SagaTerms
from shared.shop.inventory import RESERVE_STOCK, ReserveStock
from shared.shop.order import (
    CLOSE_ORDER,
    COMPLETE_ORDER,
    ORDER_SERVICE,
    ORDER_STEPS,
    PARK_ORDER,
    VALIDATE_ORDER,
    CloseOrder,
    CompleteOrder,
    OrderStatus,
    ParkOrder,
    PlacedOrder,
    ValidateOrder,
)
from shared.shop.shipping import BOOK_SHIPMENT, SHIPPING_SERVICE, BookShipment
from tests.order_saga.matrix import SHOP, simulate, subject

pytestmark = pytest.mark.unit


class Wrapped(UndoAnswer):
    """The gift is wrapped, or no longer."""


UNWRAP_GIFT = Contract(SHIPPING_SERVICE, "unwrap_gift", UndoStep, Wrapped, UNDO, UNDO_SECONDS)
WRAP_GIFT = Contract(SHIPPING_SERVICE, "wrap_gift", ReserveStock, Wrapped, DO, DO_SECONDS, undo=UNWRAP_GIFT)


def gifts(wrap: Contract[ReserveStock, Wrapped] = WRAP_GIFT) -> Make:
    """A shop of the future: reserve, wrap, ship."""

    def shown_to(observer: Observer) -> Callable[[Any, PlacedOrder], Turns[dict[str, Any]]]:
        def workflow(ctx: Any, order: PlacedOrder) -> Turns[dict[str, Any]]:  # noqa: ANN401 - the test's context
            saga = Saga(
                ctx,
                SagaTerms(
                    saga_id=order.order_id,
                    home_app_id=ORDER_SERVICE,
                    deadline=order.deadline_at,
                    undo_patience_seconds=order.undo_patience_seconds,
                    faults=order.faults,
                ),
                observer,
            )
            yield from saga.record(VALIDATE_ORDER, ValidateOrder(run_id=order.run_id))
            parcel = BookShipment(address=order.shipping_address, lines=order.lines)
            try:
                yield from saga.step(RESERVE_STOCK, ReserveStock(lines=order.lines))
                yield from saga.step(wrap, ReserveStock(lines=order.lines))
                yield from saga.step(BOOK_SHIPMENT, parcel)
                pivot = CompleteOrder(timeline=saga.timeline, tracking_number="T", run_id=order.run_id)
                yield from saga.pivot(COMPLETE_ORDER, pivot)
            except SagaStopped as stopped:
                undone = yield from saga.compensate(stopped)
                while undone.stuck:
                    park = ParkOrder(
                        timeline=saga.timeline, reason=stopped.reason, money_at_risk_cents=0, run_id=order.run_id
                    )
                    yield from saga.record(PARK_ORDER, park)
                    undone = yield from saga.decide(undone.stuck)
                end = CloseOrder(
                    timeline=saga.timeline, status=OrderStatus.COMPENSATED, reason=stopped.reason, run_id=order.run_id
                )
                yield from saga.record(CLOSE_ORDER, end)
                return {"status": OrderStatus.COMPENSATED}
            return {"status": OrderStatus.COMPLETED}

        return workflow

    return shown_to


def test_the_order_saga_is_found_out() -> None:
    """Its steps in their order, each with its undo, the pivot and the records."""
    assert SHOP.steps == tuple(Step(do.activity, do.undo.activity) for do in ORDER_STEPS if do.undo is not None)
    assert Step("process_payment", "refund_payment") in SHOP.steps
    assert (SHOP.claim, SHOP.pivot) == ("validate_order", "complete_order")
    assert (SHOP.close, SHOP.park) == ("close_order", "park_order")


def test_a_new_step_adds_its_cells_by_itself() -> None:
    """Nobody has to list a step for the matrix: its cells appear, with their ends, for the do and for the undo."""
    make = gifts()
    definition = discover(subject(make))
    cells = list(cells_of(definition))

    wrapping = [cell for cell in cells if cell.activity == "wrap_gift"]
    unwrapping = [cell for cell in cells if cell.activity == "unwrap_gift"]
    assert {cell.kind for cell in wrapping} == {Kind.DO}
    assert {cell.kind for cell in unwrapping} == {Kind.UNDO}
    assert len(wrapping) == len(unwrapping) == len([cell for cell in cells if cell.activity == "reserve_stock"])
    for cell in cells:
        assert simulate(cell, saga=subject(make)).end == expected_end(cell, definition), cell.id


def test_a_step_that_the_matrix_has_no_rule_for_is_an_error() -> None:
    """A step without undo before the pivot would silently have no undo cells."""
    with pytest.raises(ValueError, match="only steps with undo"):
        discover(subject(gifts(replace(WRAP_GIFT, undo=None))))
