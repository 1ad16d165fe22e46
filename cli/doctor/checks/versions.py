"""Do all apps run the same Dapr and the same SDK?"""

from collections import Counter
from collections.abc import Iterator, Mapping

from cli.doctor.evidence import Case
from cli.doctor.finding import Finding, Kind


def findings(case: Case) -> Iterator[Finding]:
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
    if len(set(versions.values())) < 2:  # noqa: PLR2004 - one for all is as it should be
        return
    usual = Counter(versions.values()).most_common(1)[0][0]
    odd = {place: version for place, version in versions.items() if version != usual}
    named = ", ".join(f"{place} has {what} {version}" for place, version in odd.items())
    affected = tuple(sorted({apps[place] for place in odd}))
    yield Finding(kind, affected, seen=f"{named}; the others have {usual}", why=why, to_do=to_do)
