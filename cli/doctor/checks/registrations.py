"""Has every app registered what the contracts say that others may call?"""

import difflib
from collections.abc import Iterator, Sequence

from cli.doctor.evidence import App, Case
from cli.doctor.finding import Finding, Kind
from shared.service.about import About
from shared.shop.registry import SHOP


def findings(case: Case) -> Iterator[Finding]:
    """Activities and workflows of the contracts that their app doesn't have."""
    for app, about in case.introduced:
        if about.app_id != app.app_id:
            continue
        yield from _missing(app, about, Kind.ACTIVITY_MISSING)
        yield from _missing(app, about, Kind.WORKFLOW_MISSING)


def _missing(app: App, about: About, kind: Kind) -> Iterator[Finding]:
    declared = SHOP.find(app.app_id)
    if declared is None:
        return
    if kind is Kind.ACTIVITY_MISSING:
        wanted = [contract.activity for contract in declared.contracts]
        what, has, call = "activity", about.activities, "register_activity"
    else:
        wanted = list(declared.registered_workflows)
        what, has, call = "workflow", about.workflows, "register_workflow"
    strangers = [name for name in has if name not in wanted]
    for name in wanted:
        if name not in has:
            yield Finding(
                kind,
                (app.app_id,),
                seen=f"{app.target.place} has no {what} {name!r}{_nearest(name, strangers)}; it has "
                f"{', '.join(has) or 'none'}",
                why=f"a call of it fails at once ({_ERRORS[kind]}): {what.capitalize()} {name!r} not found on app "
                f"{app.app_id!r}.",
                to_do=_advice(name, strangers, app, call),
                activity=name,
            )


_ERRORS = {
    Kind.ACTIVITY_MISSING: "ActivityNotRegisteredError",
    Kind.WORKFLOW_MISSING: "OrchestratorNotRegisteredError",
}


def _nearest(name: str, strangers: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, strangers, n=1)
    return f", but {near[0]!r}, which no contract names" if near else ""


def _advice(name: str, strangers: Sequence[str], app: App, call: str) -> str:
    near = difflib.get_close_matches(name, strangers, n=1)
    if near:
        return f"Correct the name: {app.app_id} registers {near[0]!r}, and the contract calls {name!r}."
    return f"Deploy a version of {app.app_id} that has it, or see why it isn't handed to {call}."
