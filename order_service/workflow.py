"""The order saga: reserve, pay, ship; on failure undo, newest first, whatever may have happened."""

from collections.abc import Callable
from typing import Any

from dapr.ext.workflow import DaprWorkflowContext

from order_service.approval.step import ask_whether_risky
from shared.saga.context import Turns
from shared.saga.failures import SagaCancelled, SagaStopped
from shared.saga.saga import Observer, Saga
from shared.saga.terms import SagaTerms
from shared.shop.inventory import RESERVE_STOCK, ReserveStock
from shared.shop.order import (
    CLOSE_ORDER,
    COMPLETE_ORDER,
    ORDER_SERVICE,
    PARK_ORDER,
    VALIDATE_ORDER,
    CloseOrder,
    CompleteOrder,
    OrderStatus,
    ParkOrder,
    PlacedOrder,
    ValidateOrder,
)
from shared.shop.payment import PROCESS_PAYMENT, ProcessPayment
from shared.shop.shipping import BOOK_SHIPMENT, BookShipment

OrderWorkflow = Callable[[DaprWorkflowContext, PlacedOrder], Turns[dict[str, Any]]]

NOT_CLAIMED = "not_claimed"
"""The result of a run that found the order owned by another run; it did nothing else."""


def order_workflow_shown_to(observer: Observer | None) -> OrderWorkflow:
    """The order workflow, with its progress shown to `observer`."""

    def order_workflow(ctx: DaprWorkflowContext, order: PlacedOrder) -> Turns[dict[str, Any]]:
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
        owner = yield from saga.record(VALIDATE_ORDER, ValidateOrder(run_id=order.run_id))
        if not owner.claimed or owner.run_id != order.run_id:
            return {"status": NOT_CLAIMED}
        try:
            if owner.cancelled:
                raise SagaCancelled
            yield from _fulfil(saga, order)
        except SagaStopped as stopped:
            return {"status": (yield from undo_order(saga, order, stopped))}
        return {"status": OrderStatus.COMPLETED}

    return order_workflow


def _fulfil(saga: Saga, order: PlacedOrder) -> Turns[None]:
    payment = ProcessPayment(amount_cents=order.total_cents, currency=order.currency, token=order.payment_token)
    parcel = BookShipment(address=order.shipping_address, lines=order.lines)

    if order.fraud_check is not None:
        yield from ask_whether_risky(saga, order, order.fraud_check)
    yield from saga.step(RESERVE_STOCK, ReserveStock(lines=order.lines))
    yield from saga.step(PROCESS_PAYMENT, payment)
    shipment = yield from saga.step(BOOK_SHIPMENT, parcel)
    yield from saga.pivot(
        COMPLETE_ORDER,
        CompleteOrder(timeline=saga.timeline, tracking_number=shipment.tracking_number, run_id=order.run_id),
    )


def undo_order(saga: Saga, order: PlacedOrder, stopped: SagaStopped) -> Turns[OrderStatus]:
    """Run the pending undos, wait for a person where that gives up, and record the end; the order's status.

    Once another run owns the order, this one records nothing more and ends.
    """
    undone = yield from saga.compensate(stopped)
    while undone.stuck:
        reason = "; ".join(f"{one.undo.contract.activity}: {one.reason}" for one in undone.stuck)
        parked = yield from saga.record(
            PARK_ORDER,
            ParkOrder(
                timeline=saga.timeline,
                reason=f"{stopped.reason} — and then {reason}",
                money_at_risk_cents=order.total_cents,
                stuck=tuple(one.shown for one in undone.stuck),
                repairs=undone.repairs,
                run_id=order.run_id,
            ),
        )
        if not parked.owned:
            return parked.status
        undone = yield from saga.decide(undone.stuck)
    status = OrderStatus.CANCELLED if isinstance(stopped, SagaCancelled) else OrderStatus.COMPENSATED
    end = CloseOrder(
        timeline=saga.timeline, status=status, reason=stopped.reason, repairs=undone.repairs, run_id=order.run_id
    )
    recorded = yield from saga.record(CLOSE_ORDER, end)
    return recorded.status
