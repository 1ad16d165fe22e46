"""What is concluded from the evidence: pure functions, one per family of findings.

A finding names a cause. What follows from a cause that was found already (no worker, when the service is down) is none.
"""

from collections.abc import Iterator
from dataclasses import replace

from cli.doctor.checks.agreement import clock_skew, control_plane, version_skew
from cli.doctor.checks.apps import reachability, registrations, workers
from cli.doctor.checks.calls import calls, late_orders
from cli.doctor.checks.stores import revisions, state_stores
from cli.doctor.evidence import Case, Finding, Kind

CHECKS = (
    reachability,
    control_plane,
    workers,
    registrations,
    state_stores,
    version_skew,
    clock_skew,
    revisions,
    calls,
    late_orders,
)

BLOCKING = frozenset(
    {
        Kind.SIDECAR_DOWN,
        Kind.SERVICE_DOWN,
        Kind.WRONG_APP,
        Kind.PLACEMENT_AWAY,
        Kind.SCHEDULER_AWAY,
        Kind.NAMESPACE_DIFFERS,
        Kind.NO_WORKER,
        Kind.STORE_MISSING,
        Kind.STORE_UNUSABLE,
    }
)
"""With these no call reaches the app, or leaves it."""


def judge(case: Case) -> list[Finding]:
    """Everything that the evidence shows."""
    found = [finding for check in CHECKS for finding in check(case)]
    return list(_without_consequences(found))


def _without_consequences(found: list[Finding]) -> Iterator[Finding]:
    """A service that isn't ready because of something else that was found is no finding of its own."""
    explained = {app_id for finding in found if finding.kind in BLOCKING for app_id in finding.apps}
    for finding in found:
        if finding.kind is not Kind.NOT_READY:
            yield finding
            continue
        left = tuple(app_id for app_id in finding.apps if app_id not in explained)
        if left:
            yield replace(finding, apps=left)
