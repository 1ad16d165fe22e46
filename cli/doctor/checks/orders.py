"""Do workflows stand still? Told by orders that are open past their deadline."""

from collections.abc import Iterator

from cli.doctor.evidence import Case, LateOrder
from cli.doctor.finding import Finding, Kind
from shared.shop.order import ORDER_SERVICE


def findings(case: Case) -> Iterator[Finding]:
    """Orders that should have ended."""
    for order in case.late:
        yield Finding(
            Kind.LATE_ORDER,
            (order.step_app or ORDER_SERVICE,),
            seen=f"order {order.order_id} is {order.status}, {order.late_seconds:.0f} s past its deadline"
            f"{_at(order)}; its workflow is {order.workflow}",
            why="a customer waits, with goods reserved or money taken.",
            to_do=_advice(order),
            activity=order.step,
        )


def _at(order: LateOrder) -> str:
    if order.step is None:
        return ", before its first step"
    error = f" (last error: {order.error})" if order.error else ""
    return f", at {order.step} on {order.step_app}{error}"


def _advice(order: LateOrder) -> str:
    if order.workflow == "SUSPENDED":
        return (
            "Somebody paused its workflow: resume it (POST /v1.0/workflows/dapr/"
            f"{order.order_id}/resume at {ORDER_SERVICE}'s daprd), or terminate it: it is recovered then."
        )
    if order.workflow in {"RUNNING", "PENDING"}:
        return (
            f"See `shop show {order.order_id}` and {order.step_app or ORDER_SERVICE}: an undo is tried until its "
            "patience is over, then `shop repair list` has it. If nothing moves, `shop reconcile` shows what is done."
        )
    return "The reconciler recovers it within minutes: see `shop reconcile`."
