"""What is wrong with an open order, by what the engine says of its workflow."""

from order_service.reconciler.findings import Finding, FindingKind
from order_service.reconciler.watch import WatchedOrder
from shared.shop.order import OrderStatus
from shared.workflows.client import Instance, InstanceStatus, UnreadableError


def judge(order: WatchedOrder, instance: Instance | None) -> Finding | None:
    """What the workflow's status says by itself."""
    if instance is None or instance.status.is_terminal:
        if order.run_id is None:
            return None  # the starter starts it (again)
        return Finding(FindingKind.WORKFLOW_GONE, order.order_id, _why_gone(order.instance_id, instance))
    if instance.status in {InstanceStatus.SUSPENDED, InstanceStatus.STALLED}:
        seen = f"the workflow {order.instance_id} is {instance.status}"
        return Finding(FindingKind.WORKFLOW_PAUSED, order.order_id, seen)
    return None


def judge_late(order: WatchedOrder, status: InstanceStatus, *, takes_event: bool) -> Finding | None:
    """What it means for a late order that its living workflow takes an event, or doesn't."""
    if not takes_event:
        parked = order.status is OrderStatus.NEEDS_ATTENTION
        late = "a person's decision waits for it" if parked else "the order's time is over"
        seen = f"the workflow {order.instance_id} takes no event, and {late}"
    elif order.overdue:
        seen = f"the workflow {order.instance_id} is {status} long after the order's time was over"
    else:
        return None
    return Finding(FindingKind.ORDER_STUCK, order.order_id, seen)


def judge_unreadable(order: WatchedOrder, error: UnreadableError) -> Finding:
    """A workflow that the engine can't read doesn't go on either."""
    seen = f"the engine can't read the workflow {order.instance_id}: {error}"
    return Finding(FindingKind.WORKFLOW_GONE, order.order_id, seen)


def _why_gone(instance_id: str, instance: Instance | None) -> str:
    if instance is None:
        return f"the engine has no workflow {instance_id}"
    error = f": {instance.error}" if instance.error else ""
    return f"the workflow {instance_id} is {instance.status}{error}"
