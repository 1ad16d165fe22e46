"""The recovery: a workflow that undoes a whole order whose own workflow is gone, has failed, or is stuck.

It takes the order over in one conditional update; from then on the lost run, should it only have been slow, can neither
complete, close nor park the order. Then it undoes every step of the order saga under the same idempotency keys: what
was never done gets a tombstone, which turns away whatever of the lost run still arrives.
"""

from collections.abc import Callable
from typing import Any, Final

from dapr.ext.workflow import DaprWorkflowContext

from order_service.workflow import NOT_CLAIMED, undo_order
from shared.saga.context import Turns
from shared.saga.failures import SagaLost
from shared.saga.saga import Observer, Saga
from shared.saga.terms import SagaTerms
from shared.shop.order import ORDER_SERVICE, ORDER_STEPS, TAKE_OVER_ORDER, RecoverOrder, TakeOverOrder

RECOVERY: Final = "-recovery-"
"""What an order's id and a number become an instance id by; it stands in no order's id."""

RecoveryWorkflow = Callable[[DaprWorkflowContext, RecoverOrder], Turns[dict[str, Any]]]


def recovery_id(order_id: str, number: int) -> str:
    """The instance id of the order's recovery with this number, from 1."""
    return f"{order_id}{RECOVERY}{number}"


def recovery_workflow_shown_to(observer: Observer | None) -> RecoveryWorkflow:
    """The recovery workflow, with its progress shown to `observer`."""

    def order_recovery_workflow(ctx: DaprWorkflowContext, recovery: RecoverOrder) -> Turns[dict[str, Any]]:
        order = recovery.order
        saga = Saga(
            ctx,
            SagaTerms(
                saga_id=order.order_id,
                home_app_id=ORDER_SERVICE,
                undo_patience_seconds=order.undo_patience_seconds,
                faults=order.faults,
            ),
            observer,
        )
        claim = TakeOverOrder(run_id=order.run_id, replaces=recovery.replaces, instance_id=ctx.instance_id)
        owner = yield from saga.record(TAKE_OVER_ORDER, claim)
        if not owner.taken:
            return {"status": NOT_CLAIMED}
        saga.take_over(owner.timeline, ORDER_STEPS)
        return {"status": (yield from undo_order(saga, order, SagaLost(recovery.reason)))}

    return order_recovery_workflow
