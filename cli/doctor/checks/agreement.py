"""Do all apps agree: on placement, scheduler and namespace, on versions of Dapr and SDK, on the time?"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from statistics import median

from cli.doctor.evidence import Case, Finding, Kind
from cli.doctor.targets import sentence

TOLERATED_CLOCK_SECONDS = 2.0


def control_plane(case: Case) -> Iterator[Finding]:
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
            why="placement informs the sidecars which of them hosts what: without it no turn of a workflow begins.",
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
    lives = {app.app_id: ", ".join(sorted(one.namespaces)) for app, one in case.answering if one.namespaces}
    usual = _usual(lives.values())
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


def _usual(values: Collection[str]) -> str | None:
    """What most have."""
    return Counter(values).most_common(1)[0][0] if values else None


def version_skew(case: Case) -> Iterator[Finding]:
    """Apps whose runtime or SDK is of another version than most."""
    runtimes = {app.target.place: sidecar.runtime for app, sidecar in case.answering}
    sdks = {app.target.place: about.sdk for app, about in case.introduced}
    apps = {app.target.place: app.app_id for app in case.apps}
    yield from _skew(
        Kind.RUNTIME_SKEW,
        "daprd",
        runtimes,
        apps,
        why="sidecars send each other the messages of workflows, which another version may not read.",
        to_do="Bring all sidecars to one version; during a roll-out, try the whole chain in staging first.",
    )
    yield from _skew(
        Kind.SDK_SKEW,
        "Dapr SDK",
        sdks,
        apps,
        why="services on different SDKs may not read each other's messages.",
        to_do="Install the same version of the `dapr` package everywhere (requirements.txt), and try the whole chain "
        "in staging before an upgrade.",
    )


def _skew(  # noqa: PLR0913, PLR0917 - what the two findings differ in
    kind: Kind, what: str, versions: Mapping[str, str], apps: Mapping[str, str], why: str, to_do: str
) -> Iterator[Finding]:
    usual = _usual(versions.values())
    odd = {place: version for place, version in versions.items() if version != usual}
    if odd:
        named = ", ".join(f"{place} has {what} {version}" for place, version in odd.items())
        affected = tuple(sorted({apps[place] for place in odd}))
        yield Finding(kind, affected, seen=f"{named}; the others have {usual}", why=why, to_do=to_do)


def clock_skew(case: Case) -> Iterator[Finding]:
    """Apps whose clock is apart from the others'. The doctor's own clock may be anyone's."""
    clocks = [app for app, _ in case.introduced]
    if not clocks:
        return
    usual = median(app.clock_ahead_seconds for app in clocks)
    for app in clocks:
        apart = app.clock_ahead_seconds - usual
        if abs(apart) > TOLERATED_CLOCK_SECONDS + app.clock_doubt_seconds:
            yield Finding(
                Kind.CLOCK_SKEW,
                (app.app_id,),
                seen=f"the clock of {app.target.place} is {abs(apart):.0f} s "
                f"{'ahead of' if apart > 0 else 'behind'} the others'",
                why="deadlines of orders and timers are moments: one app believes them past while another still works.",
                to_do=f"Set the clock of {app.app_id}'s machine by NTP (chrony, systemd-timesyncd).",
            )
