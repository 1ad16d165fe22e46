"""Are placement and the scheduler connected, and do all apps live in one namespace?"""

from collections import Counter
from collections.abc import Iterator

from cli.doctor.evidence import Case, Sidecar
from cli.doctor.finding import Finding, Kind
from cli.doctor.targets import sentence


def findings(case: Case) -> Iterator[Finding]:
    """What keeps sidecars from finding each other, or their work from being dispatched."""
    yield from _placement(case)
    yield from _scheduler(case)
    yield from _namespaces(case)


def _placement(case: Case) -> Iterator[Finding]:
    hosts = [(app, sidecar) for app, sidecar in case.answering if app.has_worker]
    away = tuple(app.app_id for app, sidecar in hosts if sidecar.workers and not sidecar.placed)
    if away:
        whole = len(away) == len(hosts)
        yield Finding(
            Kind.PLACEMENT_AWAY,
            tuple(dict.fromkeys(away)),
            seen=f"{_who(away, whole=whole)} without a place: metadata says actorRuntime.hostReady=false",
            why="placement tells the sidecars which of them hosts what: without it no turn of a workflow begins.",
            to_do=f"{sentence(case.surroundings.placement)}."
            if whole
            else "Placement serves the others: see why these can't reach it (--placement-host-address, the network).",
        )


def _scheduler(case: Case) -> Iterator[Finding]:
    hosts = [(app, sidecar) for app, sidecar in case.answering if app.has_worker]
    deaf = {address for app, _ in hosts for address in app.deaf_schedulers}
    away = tuple(app.app_id for app, sidecar in hosts if deaf.issuperset(sidecar.schedulers))
    if away:
        whole = len(away) == len(hosts)
        mentioned = (
            f"nobody listens at {', '.join(sorted(deaf))}, where metadata still has it"
            if deaf
            else "metadata has no scheduler.connected_addresses"
        )
        yield Finding(
            Kind.SCHEDULER_AWAY,
            tuple(dict.fromkeys(away)),
            seen=f"{_who(away, whole=whole)} without a scheduler: {mentioned}",
            why="the scheduler dispatches every activity and keeps every timer: workflows stand still, deadlines too.",
            to_do=f"{sentence(case.surroundings.scheduler)}. After a kill it needs half a minute; its data is as "
            "precious as the database."
            if whole
            else "It serves the others: see why these can't reach it (--scheduler-host-address, the network).",
        )


def _who(apps: tuple[str, ...], *, whole: bool) -> str:
    return "every sidecar is" if whole else f"the sidecars of {', '.join(dict.fromkeys(apps))} are"


def _namespaces(case: Case) -> Iterator[Finding]:
    lives = {app.app_id: _namespace(sidecar) for app, sidecar in case.answering if sidecar.namespaces}
    if len(set(lives.values())) < 2:  # noqa: PLR2004 - one for all is as it should be
        return
    usual = Counter(lives.values()).most_common(1)[0][0]
    for app_id, namespace in lives.items():
        if namespace != usual:
            yield Finding(
                Kind.NAMESPACE_DIFFERS,
                (app_id,),
                seen=f"{app_id} lives in the namespace {namespace!r}, the others in {usual!r} (actor types in "
                "metadata)",
                why="an activity is looked for in its caller's own namespace: calls to this app find nobody.",
                to_do=f"Move {app_id} to the namespace {usual!r} (a daprd outside of a cluster: NAMESPACE={usual}).",
            )


def _namespace(sidecar: Sidecar) -> str:
    return ", ".join(sorted(sidecar.namespaces))
