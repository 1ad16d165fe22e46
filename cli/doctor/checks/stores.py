"""Do all sidecars keep workflows in the same state store, and have the services' tables the revision of their code?"""

from collections import Counter
from collections.abc import Iterator, Sequence

from cli.doctor.evidence import App, Case, Finding, Kind, Store

WHY = "child workflows of other apps need the one store; and what isn't in the shop's database is in no backup."


def state_stores(case: Case) -> Iterator[Finding]:
    """Sidecars without a store, with another, or with one that doesn't work; and databases apart."""
    hosts = [app for app, _ in case.answering]
    for app in hosts:
        if not _stores(app):
            yield _missing(app)
    having = [app for app in hosts if _stores(app)]
    if not having:
        return
    usual = Counter(_stores(app) for app in having).most_common(1)[0][0]
    yield from _different(having, usual)
    yield from _unusable(case, having)
    # Markers are found under the component's name: of a store of another name they show nothing.
    alike = [app for app in having if _stores(app) == usual]
    yield from _apart([app for app in alike if app.store_error is None and app.sees_markers_of])


def _stores(app: App) -> tuple[Store, ...]:
    return app.sidecar.stores if app.sidecar is not None else ()


def _missing(app: App) -> Finding:
    return Finding(
        Kind.STORE_MISSING,
        (app.app_id,),
        seen=f"the daprd of {app.target.place} has loaded no state store component",
        why=f"no workflow can run in {app.app_id} (`the state store is not configured to use the actor runtime`).",
        to_do="Give it components/statestore.yaml (--resources-path; in a cluster the Component of its namespace), "
        f"with no `scopes` that leave {app.app_id} out.",
    )


def _different(apps: Sequence[App], usual: tuple[Store, ...]) -> Iterator[Finding]:
    for app in apps:
        if _stores(app) != usual:
            yield Finding(
                Kind.STORE_DIFFERS,
                (app.app_id,),
                seen=f"{app.target.place} has the state store {_named(_stores(app))}, the others {_named(usual)}",
                why=WHY,
                to_do=f"Give {app.app_id} the same Component as the others: the same name, type and connection.",
            )


def _unusable(case: Case, apps: Sequence[App]) -> Iterator[Finding]:
    broken = [app for app in apps if app.store_error is not None]
    if broken:
        where = case.surroundings
        yield Finding(
            Kind.STORE_UNUSABLE,
            tuple(sorted({app.app_id for app in broken})),
            seen=f"nothing can be written to the state store: {broken[0].target.place}: {broken[0].store_error}",
            why="every turn of a workflow is one write there: without it no order moves.",
            to_do="Bring its database back, or correct its connection string; see "
            f"{where.of(where.sidecar_log, broken[0].target)}.",
        )


def _apart(apps: Sequence[App]) -> Iterator[Finding]:
    """By the markers: each sidecar wrote one, and sees those of all that have the same database."""
    groups = _groups(apps)
    if len(groups) < 2:  # noqa: PLR2004 - one for all is as it should be
        return
    if all(len(group) == 1 for group in groups):
        yield Finding(
            Kind.STORE_UNPROVEN,
            tuple(dict.fromkeys(app.app_id for app in apps)),
            seen="no sidecar sees what another one writes to its state store",
            why=f"either each has a database of its own, or the component keeps their keys apart. {WHY}",
            to_do="Set `keyPrefix: name` in the state store component (workflows are not touched by it), restart the "
            "sidecars, and ask again; or compare their connection strings.",
        )
        return
    usual = max(groups, key=len)
    for group in groups:
        if group is not usual:
            apart = tuple(dict.fromkeys(app.app_id for app in group))
            yield Finding(
                Kind.STORE_APART,
                apart,
                seen=f"{', '.join(apart)} keeps its state in another database than the others, behind a component of "
                f"the same name: it doesn't see what {usual[0].app_id} wrote a moment ago",
                why=WHY,
                to_do="Compare the connection strings (STATESTORE_CONNECTION_STRING, the Component's secret) of "
                f"{apart[0]} and {usual[0].app_id}, and give them one.",
            )


def _groups(apps: Sequence[App]) -> list[list[App]]:
    """Apps that see each other's markers, directly or by others."""
    groups: list[list[App]] = []
    for app in apps:
        near = [group for group in groups if any(_see(app, other) for other in group)]
        groups = [group for group in groups if group not in near]
        groups.append([*(other for group in near for other in group), app])
    return groups


def _see(one: App, other: App) -> bool:
    return other.target.place in one.sees_markers_of or one.target.place in other.sees_markers_of


def _named(stores: Sequence[Store]) -> str:
    return ", ".join(str(store) for store in stores)


def revisions(case: Case) -> Iterator[Finding]:
    """Pending migrations, and tables that are newer than the code."""
    for app, about in case.introduced:
        if about.revisions is None:
            continue
        applied, known = about.revisions.applied, about.revisions.known
        if applied is not None and applied not in known:
            yield Finding(
                Kind.TABLES_AHEAD,
                (app.app_id,),
                seen=f"the tables of {app.app_id} have revision {applied}, which its code doesn't know; it ends with "
                f"{known[-1]}",
                why="older code on newer tables: what it writes and reads may not fit.",
                to_do=f"Deploy the version of {app.app_id} that brought {applied}, or restore a backup of before it.",
            )
        elif applied != known[-1]:
            pending = known[known.index(applied) + 1 :] if applied else known
            yield Finding(
                Kind.TABLES_BEHIND,
                (app.app_id,),
                seen=f"the tables of {app.app_id} have revision {applied or 'none'}; pending: {', '.join(pending)}",
                why="the code uses columns and tables that aren't there: its activities fail.",
                to_do=f"Restart {app.app_id}, which migrates when it starts (audit-service: `python -m "
                "audit_service.schema`). Was an old backup restored?",
            )
