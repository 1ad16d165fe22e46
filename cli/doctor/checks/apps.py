"""Is each app there whole: its sidecar up and its service, each the other's, with one worker, and all registered?"""

import difflib
from collections.abc import Iterator, Sequence

from cli.doctor.evidence import App, Case, Finding, Kind
from cli.doctor.targets import sentence
from shared.service.about import About
from shared.shop.registry import SHOP


def reachability(case: Case) -> Iterator[Finding]:
    """Apps that can't be reached, or aren't what they should be."""
    for app_id in sorted(case.expected - {app.app_id for app in case.apps}):
        yield Finding(
            Kind.APP_MISSING,
            (app_id,),
            seen=f"no pod says that it is {app_id} (annotation dapr.io/app-id)",
            why=f"calls to {app_id} aren't refused: Dapr tries them for ever, and every saga waits for its deadline.",
            to_do=f'Deploy {app_id} with dapr.io/enabled: "true" and dapr.io/app-id: {app_id}.',
        )
    for app in case.apps:
        yield from _of(app, case)


def _of(app: App, case: Case) -> Iterator[Finding]:
    where = case.surroundings
    if app.sidecar is None:
        yield Finding(
            Kind.SIDECAR_DOWN,
            (app.app_id,),
            seen=f"the daprd of {app.target.place} {app.sidecar_error}",
            why=f"{app.app_id} can neither be called nor call; calls to it are tried for ever, without an error.",
            to_do=f"{sentence(where.of(where.start_sidecar, app.target))}; why it ended is in "
            f"{where.of(where.sidecar_log, app.target)} (a component that can't be loaded, say).",
        )
    if app.service is None and not app.is_silent:
        yield Finding(
            Kind.SERVICE_DOWN,
            (app.app_id,),
            seen=f"{app.target.place} {app.service_error}",
            why=f"without the process no worker takes the activities of {app.app_id}; calls to it wait.",
            to_do=f"{sentence(where.of(where.start_service, app.target))}; why it ended is in "
            f"{where.of(where.service_log, app.target)}.",
        )
    if app.service is not None and app.sidecar is not None:
        yield from _pair(app, app.service.app_id, app.sidecar.app_id)
        if app.service.app_id == app.sidecar.app_id == app.app_id:
            yield from _not_ready(app, case)


def _not_ready(app: App, case: Case) -> Iterator[Finding]:
    where = case.surroundings
    for who, said, log in (
        (f"GET /readyz of {app.target.place}", app.unready, where.service_log),
        (f"GET /v1.0/healthz of {app.target.place}'s daprd", app.unhealthy, where.sidecar_log),
    ):
        if said is not None:
            yield Finding(
                Kind.NOT_READY,
                (app.app_id,),
                seen=f"{who}: {said}",
                why="in a cluster it gets no requests while it says so; what it does needs what is missing.",
                to_do=f"Bring back what it names; see {where.of(log, app.target)}.",
            )


def _pair(app: App, service: str, sidecar: str) -> Iterator[Finding]:
    if service == sidecar == app.app_id:
        return
    yield Finding(
        Kind.WRONG_APP,
        (app.app_id,),
        seen=f"where {app.app_id} should be, the sidecar says that it is {sidecar!r}, and the service {service!r}",
        why=f"Dapr routes by the sidecar's app id: calls to {app.app_id} find nobody, and are tried for ever.",
        to_do=f"Start daprd with --app-id={app.app_id} (in a cluster: annotation dapr.io/app-id: {app.app_id}), beside "
        "the service of that name.",
    )


def workers(case: Case) -> Iterator[Finding]:
    """Apps without a worker, and those with too many."""
    where = case.surroundings
    for app, sidecar in case.answering:
        if not app.has_worker or app.service is None or sidecar.app_id != app.app_id:
            continue
        if sidecar.workers == 0:
            yield Finding(
                Kind.NO_WORKER,
                (app.app_id,),
                seen=f"{app.target.place} runs, but no worker of it is connected to its daprd (metadata: "
                "workflows.connectedWorkers)",
                why=f"calls to {app.app_id} aren't refused: Dapr tries them for ever, and only a deadline ends them.",
                to_do="See whether its DAPR_GRPC_PORT (and DAPR_HOST) are those of its daprd, and "
                f"{where.of(where.service_log, app.target)}.",
            )
        if sidecar.workers > 1:
            yield Finding(
                Kind.MANY_WORKERS,
                (app.app_id,),
                seen=f"{sidecar.workers} workers are connected to the one daprd of {app.target.place}",
                why="a call goes to either of them: if one is of another version, an activity is there only sometimes.",
                to_do=f"Find the process of {app.app_id} that was left behind (who connects to its DAPR_GRPC_PORT?), "
                "and end it.",
            )


def registrations(case: Case) -> Iterator[Finding]:
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


_ERRORS = {Kind.ACTIVITY_MISSING: "ActivityNotRegisteredError", Kind.WORKFLOW_MISSING: "OrchestratorNotRegisteredError"}


def _nearest(name: str, strangers: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, strangers, n=1)
    return f", but {near[0]!r}, which no contract names" if near else ""


def _advice(name: str, strangers: Sequence[str], app: App, call: str) -> str:
    near = difflib.get_close_matches(name, strangers, n=1)
    if near:
        return f"Correct the name: {app.app_id} registers {near[0]!r}, and the contract calls {name!r}."
    return f"Deploy a version of {app.app_id} that has it, or see why it isn't handed to {call}."
