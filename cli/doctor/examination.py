"""The whole examination: collect what can be seen, conclude, and try what nothing speaks against."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import aiohttp

from cli.doctor.checks import judge
from cli.doctor.collect.apps import look_at
from cli.doctor.collect.http import NoAnswerError
from cli.doctor.collect.lateness import late_orders
from cli.doctor.collect.markers import look_for_markers
from cli.doctor.collect.probes import probe, worth_probing
from cli.doctor.evidence import App, Case, Stalled
from cli.doctor.finding import Finding
from cli.doctor.targets import Surroundings, Target
from shared.participant.call_probe import PROBE_CALLS
from shared.shop.order import ORDER_SERVICE
from shared.shop.registry import SHOP


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
    without = [
        f"the calls of {app.app_id}: its version has no {PROBE_CALLS}" for app in case.apps if _lacks_probes(app)
    ]
    return replace(
        case,
        unlooked=(*case.unlooked, *without),
        probed=tuple(one for answer in answers if isinstance(answer, list) for one in answer),
        stalled=tuple(answer for answer in answers if isinstance(answer, Stalled)),
    )


def _lacks_probes(app: App) -> bool:
    return (
        app.app_id in {one.app_id for one in SHOP.callers}
        and app.service is not None
        and PROBE_CALLS not in app.service.workflows
    )


async def _with_late_orders(session: aiohttp.ClientSession, case: Case) -> Case:
    orders = next((app for app in case.apps if app.app_id == ORDER_SERVICE), None)
    if orders is None or not _answers(orders):
        return replace(case, unlooked=(*case.unlooked, "late orders: the order-service isn't there"))
    try:
        return replace(case, late=tuple(await late_orders(session, orders)))
    except NoAnswerError as error:
        return replace(case, unlooked=(*case.unlooked, f"late orders: the order-service {error}"))


def _answers(app: App) -> bool:
    return app.service is not None and app.sidecar is not None
