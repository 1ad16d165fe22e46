"""The workflow's local activities: each writes the order's row in one statement and can be repeated."""

from order_service.approval.store import ApprovalStore
from order_service.orders import OrderStore
from shared.contracts.timeline import Timeline
from shared.participant.activities import ActivityHost, Call
from shared.participant.errors import Refused
from shared.shop.approval import ApprovalStanding, ConcludeApproval, HoldOrder
from shared.shop.order import (
    CLOSE_ORDER,
    COMPLETE_ORDER,
    CONCLUDE_APPROVAL,
    HOLD_ORDER,
    PARK_ORDER,
    TAKE_OVER_ORDER,
    VALIDATE_ORDER,
    CloseOrder,
    CompleteOrder,
    OrderRecorded,
    OrderStatus,
    OrderTakenOver,
    OrderValidated,
    ParkOrder,
    TakeOverOrder,
    ValidateOrder,
)


def serve_order_activities(host: ActivityHost, orders: OrderStore, approvals: ApprovalStore) -> None:
    """Serve the order-service's contracts over `orders` and their `approvals`."""

    async def validate_order(call: Call[ValidateOrder]) -> OrderValidated:
        run_id = call.request.run_id
        claim = await orders.claim(call.key.saga_id, run_id)
        return OrderValidated(claimed=claim.claimed, run_id=run_id, cancelled=claim.cancelled)

    async def complete_order(call: Call[CompleteOrder]) -> OrderRecorded:
        pivot = call.request
        await orders.complete(call.key.saga_id, pivot.timeline, pivot.tracking_number, pivot.run_id)
        return OrderRecorded(status=OrderStatus.COMPLETED)

    async def refuse_completion(call: Call[CompleteOrder], reason: str) -> OrderRecorded:
        # A refusal that left no trace could be followed by a duplicate that completes the order, undone as it is.
        await orders.end_time(call.key.saga_id)
        try:
            return await complete_order(call)
        except Refused as refusal:
            raise Refused(reason) from refusal

    async def close_order(call: Call[CloseOrder]) -> OrderRecorded:
        return await orders.close(call.key.saga_id, call.request)

    async def park_order(call: Call[ParkOrder]) -> OrderRecorded:
        return await orders.park(call.key.saga_id, call.request)

    async def take_over_order(call: Call[TakeOverOrder]) -> OrderTakenOver:
        recovery = call.request
        timeline = await orders.take_over(
            call.key.saga_id, run_id=recovery.run_id, replaces=recovery.replaces, instance_id=recovery.instance_id
        )
        return OrderTakenOver(taken=timeline is not None, timeline=timeline or Timeline(version=0))

    async def hold_order(call: Call[HoldOrder]) -> ApprovalStanding:
        return await approvals.hold(call.key.saga_id, call.request)

    async def conclude_approval(call: Call[ConcludeApproval]) -> ApprovalStanding:
        return await approvals.conclude(call.key.saga_id, call.request.run_id)

    host.serve(VALIDATE_ORDER, validate_order)
    host.serve(COMPLETE_ORDER, complete_order, refusal=refuse_completion)
    host.serve(CLOSE_ORDER, close_order)
    host.serve(PARK_ORDER, park_order)
    host.serve(TAKE_OVER_ORDER, take_over_order)
    host.serve(HOLD_ORDER, hold_order)
    host.serve(CONCLUDE_APPROVAL, conclude_approval)
