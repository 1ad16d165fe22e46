"""Is every app's sidecar up, its service up, and are the two each other's?"""

from collections.abc import Iterator

from cli.doctor.evidence import App, Case
from cli.doctor.finding import Finding, Kind
from cli.doctor.targets import sentence


def findings(case: Case) -> Iterator[Finding]:
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
