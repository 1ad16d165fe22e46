"""The whole examination: collect what can be seen, conclude, try what nothing speaks against; and report it all."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import aiohttp

from cli.doctor.checks import judge
from cli.doctor.collect import NoAnswerError
from cli.doctor.collect.apps import look_at
from cli.doctor.collect.calls import has_probes, late_orders, probe, worth_probing
from cli.doctor.collect.stores import look_for_markers
from cli.doctor.evidence import App, Case, Finding, Stalled
from cli.doctor.targets import Surroundings, Target
from shared.participant.call_probe import PROBE_CALLS
from shared.shop.order import ORDER_SERVICE
from shared.shop.registry import SHOP

HEALTHY, FOUND, NOT_LOOKED = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was seen, what is wrong, and what couldn't be looked at."""

    case: Case
    findings: tuple[Finding, ...]


async def examine(
    targets: Sequence[Target], surroundings: Surroundings, expected: frozenset[str] = frozenset()
) -> Diagnosis:
    """Ask all targets. Nothing of the shop's is changed: markers and probes are its only traces, and are removed."""
    async with aiohttp.ClientSession() as session:
        apps = await asyncio.gather(*(look_at(session, target) for target in targets))
        apps = await look_for_markers(session, apps)
        silent = [f"what {app.target.place} registered: its version has no /about" for app in apps if app.is_silent]
        case = Case(tuple(apps), surroundings, expected, unlooked=tuple(silent))
        case = await _with_probes(session, case, judge(case))
        case = await _with_late_orders(session, case)
    return Diagnosis(case, tuple(judge(case)))


async def _with_probes(session: aiohttp.ClientSession, case: Case, found: list[Finding]) -> Case:
    by_id = {app.app_id: app for app in case.apps}
    wanted = worth_probing(case.apps, found)
    answers = await asyncio.gather(*(probe(session, by_id[caller], calls) for caller, calls in wanted.items()))
    callers = {one.app_id for one in SHOP.callers}
    without = [
        f"the calls of {app.app_id}: its version has no {PROBE_CALLS}"
        for app in case.apps
        if app.app_id in callers and app.service is not None and not has_probes(app)
    ]
    return replace(
        case,
        unlooked=(*case.unlooked, *without),
        probed=tuple(one for answer in answers if isinstance(answer, list) for one in answer),
        stalled=tuple(answer for answer in answers if isinstance(answer, Stalled)),
    )


async def _with_late_orders(session: aiohttp.ClientSession, case: Case) -> Case:
    orders = next((app for app in case.apps if app.app_id == ORDER_SERVICE), None)
    if orders is None or orders.service is None or orders.sidecar is None:
        return replace(case, unlooked=(*case.unlooked, "late orders: the order-service isn't there"))
    try:
        return replace(case, late=tuple(await late_orders(session, orders)))
    except NoAnswerError as error:
        return replace(case, unlooked=(*case.unlooked, f"late orders: the order-service {error}"))


def exit_code(diagnosis: Diagnosis) -> int:
    """0: healthy. 1: something is wrong. 2: nothing was found, but not everything could be looked at."""
    if diagnosis.findings:
        return FOUND
    return NOT_LOOKED if diagnosis.case.unlooked else HEALTHY


def lines(diagnosis: Diagnosis) -> Iterator[str]:
    """Each app in a line, then each finding."""
    for app in diagnosis.case.apps:
        yield f"{app.target.place:26} {_app_line(app)}"
    for one in diagnosis.findings:
        yield ""
        yield f"found: {one.kind}: {', '.join(one.apps)}{f': {one.activity}' if one.activity else ''}"
        for title, text in (("seen", one.seen), ("matters", one.why), ("to do", one.to_do)):
            yield f"  {title:8} {text}"
    yield ""
    for unlooked in diagnosis.case.unlooked:
        yield f"not looked at: {unlooked}"
    if diagnosis.findings:
        yield f"NOT healthy: {len(diagnosis.findings)} findings"
    elif diagnosis.case.unlooked:
        yield "nothing found, but not everything could be looked at"
    else:
        calls = len(diagnosis.case.probed)
        yield f"healthy: {len(diagnosis.case.apps)} apps, {calls} calls between them tried, nothing found"


def document(diagnosis: Diagnosis) -> dict[str, Any]:
    """The same for programs."""
    return {
        "healthy": exit_code(diagnosis) == HEALTHY,
        "findings": [asdict(one) for one in diagnosis.findings],
        "not_looked_at": list(diagnosis.case.unlooked),
        "apps": [_app(app) for app in diagnosis.case.apps],
        "calls_tried": [{"caller": one.caller, **one.call.model_dump()} for one in diagnosis.case.probed],
    }


def _app_line(app: App) -> str:
    sidecar, service = app.sidecar, app.service
    left = f"daprd {sidecar.runtime}, workers {sidecar.workers}" if sidecar else "daprd away"
    right = f"SDK {service.sdk}, {_counted(app)}" if service else "service unknown" if app.is_silent else "service away"
    return f"{left}; {right}"


def _counted(app: App) -> str:
    if app.service is None:
        return ""
    return f"{len(app.service.activities)} activities, {len(app.service.workflows)} workflows"


def _app(app: App) -> dict[str, Any]:
    sidecar = None
    if app.sidecar is not None:
        sidecar = {**asdict(app.sidecar), "namespaces": sorted(app.sidecar.namespaces)}
    return {
        "app_id": app.app_id,
        "place": app.target.place,
        "sidecar": sidecar,
        "sidecar_error": app.sidecar_error or None,
        "service": app.service.model_dump(mode="json") if app.service else None,
        "service_error": app.service_error or None,
        "clock_ahead_seconds": round(app.clock_ahead_seconds, 3) if app.service else None,
    }
