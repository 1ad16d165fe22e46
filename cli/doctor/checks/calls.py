"""Does work go on? Probes tell, which went the way of real calls, and orders that are open past their deadline."""

from collections.abc import Iterator, Sequence

from cli.doctor.evidence import Case, Finding, Kind, LateOrder, Probed, Stalled
from shared.shop.order import ORDER_SERVICE

DENIED = "WorkflowAccessPolicyDenied"


def calls(case: Case) -> Iterator[Finding]:
    """Workflows that don't run, calls that a policy refuses, and those that fail with no cause that was seen."""
    for stalled in case.stalled:
        yield _stalled(case, stalled)
    denied = [probed for probed in case.probed if probed.call.error_type == DENIED]
    pairs = {(probed.caller, probed.call.app_id) for probed in denied}
    for caller, app_id in sorted(pairs):
        refused = [one for one in denied if (one.caller, one.call.app_id) == (caller, app_id)]
        yield _denied(case, caller, app_id, refused)
    for probed in case.probed:
        call = probed.call
        if call.error_type not in {None, DENIED}:
            yield Finding(
                Kind.CALL_FAILED,
                (call.app_id,),
                seen=f"{probed.caller} called {call.activity!r} on {call.app_id}: {call.error_type}: {call.error}",
                why="a saga's call goes the same way, and fails or waits alike.",
                to_do=f"See the logs of {call.app_id} and of both sidecars for {call.activity!r}.",
                activity=call.activity,
            )


def _stalled(case: Case, stalled: Stalled) -> Finding:
    return Finding(
        Kind.WORKFLOWS_STAND_STILL,
        (stalled.caller,),
        seen=f"a workflow in {stalled.caller} that only tries its calls {stalled.why}",
        why="sidecar, worker, placement and store are there, and yet no workflow moves: no order does, either.",
        to_do="What is left is the scheduler, which dispatches each activity (metadata goes on telling of one that "
        f"hangs or was killed): {case.surroundings.scheduler}. If that is well, see the log of {stalled.caller}'s "
        "daprd.",
    )


def _denied(case: Case, caller: str, app_id: str, refused: Sequence[Probed]) -> Finding:
    names = [one.call.activity for one in refused]
    policies = [name for app, sidecar in case.answering if app.app_id == app_id for name in sidecar.policies]
    return Finding(
        Kind.ACCESS_DENIED,
        (app_id,),
        seen=f"{app_id} refuses {', '.join(names)} to {caller}; policies that its daprd has loaded: "
        f"{', '.join(sorted(set(policies))) or 'none'}",
        why="the saga fails there at once (WorkflowAccessPolicyDenied): the order is undone, or waits for a person.",
        to_do=f"Allow the caller {{appID: {caller}}} {', '.join(names)} in a WorkflowAccessPolicy with scopes: "
        f"[{app_id}]. Without mTLS callers have no identity, and a policy refuses all of them.",
        activity=names[0] if len(names) == 1 else None,
    )


def late_orders(case: Case) -> Iterator[Finding]:
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
