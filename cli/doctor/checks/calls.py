"""Do calls from app to app arrive? Told by probes, which went the way of real calls."""

from collections.abc import Iterator, Sequence

from cli.doctor.evidence import Case, Probed, Stalled
from cli.doctor.finding import Finding, Kind

DENIED = "WorkflowAccessPolicyDenied"


def findings(case: Case) -> Iterator[Finding]:
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
