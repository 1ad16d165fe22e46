"""Has apps try their calls with a probe, which does nothing where it arrives; looks for orders past their deadline."""

import asyncio
import contextlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import aiohttp

from cli.doctor.checks import BLOCKING
from cli.doctor.collect import NoAnswerError, ask, ask_well
from cli.doctor.evidence import App, Finding, Kind, LateOrder, Probed, Stalled
from shared.participant.call_probe import PROBE_CALLS, PROBE_SECONDS, UNANSWERED, CallProbe, ProbedCall
from shared.shop.registry import SHOP

POLL_SECONDS = 0.1
WAIT_SECONDS = PROBE_SECONDS + 5.0
DONE = frozenset({"COMPLETED", "FAILED", "TERMINATED"})

OPEN = ("accepted", "in_progress")
LOOKED_AT = 200
"""The newest of each status; where more are open, some of these are late, too."""
SHOWN = 20
GRACE_SECONDS = 5.0
"""An order that ends at its deadline still has to be undone."""


def worth_probing(apps: Iterable[App], found: Iterable[Finding]) -> dict[str, list[ProbedCall]]:
    """The calls of each caller for which nothing was found that keeps them from arriving."""
    found = list(found)
    away = {app_id for finding in found if finding.kind in BLOCKING for app_id in finding.apps}
    missing = {finding.activity for finding in found if finding.kind is Kind.ACTIVITY_MISSING}
    there = {app.app_id: app for app in apps if app.app_id not in away}
    probes: dict[str, list[ProbedCall]] = defaultdict(list)
    for caller, contracts in ((one.app_id, one.calls) for one in SHOP.callers):
        able = caller in there and has_probes(there[caller])
        for contract in contracts:
            if able and contract.app_id in there and contract.activity not in missing:
                probes[caller].append(ProbedCall(app_id=contract.app_id, activity=contract.activity))
    return dict(probes)


def has_probes(app: App) -> bool:
    """Whether the app can be asked to probe its calls."""
    return app.service is not None and PROBE_CALLS in app.service.workflows


async def probe(session: aiohttp.ClientSession, caller: App, calls: Sequence[ProbedCall]) -> list[Probed] | Stalled:
    """What came of each call, or why none was tried."""
    base = f"{caller.target.sidecar_url}/v1.0/workflows/dapr"
    instance = f"doctor-{uuid4().hex}"
    request = CallProbe(calls=tuple(calls)).model_dump(mode="json")
    try:
        await ask_well(session, "POST", f"{base}/{PROBE_CALLS}/start?instanceID={instance}", request)
        ended = await _end_of(session, f"{base}/{instance}")
    except NoAnswerError as error:
        return Stalled(caller.app_id, f"can't be begun: its daprd {error}")
    except TimeoutError:
        return Stalled(caller.app_id, f"doesn't end within {WAIT_SECONDS:.0f} s")
    if ended["runtimeStatus"] != "COMPLETED":
        why = ended.get("properties", {}).get("dapr.workflow.failure.error_message", "")
        return Stalled(caller.app_id, f"ended as {ended['runtimeStatus']}: {why}")
    answered = CallProbe.model_validate(json.loads(ended["properties"]["dapr.workflow.output"])).calls
    # A purge that overtakes a late answer leaves a reminder that fires for ever.
    # Works around `endless-reminder` (docs/upstream.md).
    if all(call.error_type != UNANSWERED for call in answered):
        with contextlib.suppress(NoAnswerError):
            await ask(session, "POST", f"{base}/{instance}/purge")
    return [Probed(caller.app_id, call) for call in answered]


async def _end_of(session: aiohttp.ClientSession, url: str) -> dict[str, Any]:
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            answer = await ask(session, "GET", url)
            # Works around `failing-read` (docs/upstream.md).
            if answer.is_ok and answer.body["runtimeStatus"] in DONE:
                return dict(answer.body)
            await asyncio.sleep(POLL_SECONDS)


async def late_orders(session: aiohttp.ClientSession, orders: App) -> list[LateOrder]:
    """The order-service's late orders, the longest overdue first.

    Raises:
        NoAnswerError: it doesn't list them.
    """
    url = orders.target.service_url
    # By the service's clock, which set the deadlines.
    now = datetime.now(UTC).timestamp() + orders.clock_ahead_seconds
    late: list[tuple[float, dict[str, Any]]] = []
    for status in OPEN:
        page = await ask_well(session, "GET", f"{url}/orders?status={status}&limit={LOOKED_AT}")
        late += [(seconds, order) for seconds, order in _overdue(page["items"], now) if order["approval"] != "waiting"]
    late.sort(key=lambda one: -one[0])
    return [await _described(session, orders, order, seconds) for seconds, order in late[:SHOWN]]


def _overdue(orders: list[dict[str, Any]], now: float) -> Iterator[tuple[float, dict[str, Any]]]:
    for order in orders:
        if order["deadline_at"] is not None:
            seconds = now - datetime.fromisoformat(order["deadline_at"]).timestamp()
            if seconds > GRACE_SECONDS:
                yield seconds, order


async def _described(
    session: aiohttp.ClientSession, orders: App, order: dict[str, Any], late_seconds: float
) -> LateOrder:
    step = order["steps"][-1] if order["steps"] else None
    answer = await ask(session, "GET", f"{orders.target.sidecar_url}/v1.0/workflows/dapr/{order['order_id']}")
    known = answer.is_ok and isinstance(answer.body, dict)
    return LateOrder(
        order_id=order["order_id"],
        status=order["status"],
        late_seconds=late_seconds,
        step=step and step["name"],
        step_app=step and step["app_id"],
        error=step and step["error"],
        workflow=answer.body.get("runtimeStatus", "unknown") if known else "not known to the engine",
    )
