"""Evidence of a healthy shop, of which tests change what they are about."""

from dataclasses import replace
from typing import Any

from cli.doctor.evidence import App, Case, Sidecar, Store
from cli.doctor.targets import LOCAL, Target
from shared.participant.call_probe import PROBE_CALLS
from shared.service.about import About, Revisions
from shared.shop.registry import CORE_APPS, SHOP

STORE = Store("statestore", "state.postgresql", "v2")


def a_sidecar(app_id: str, /, **changes: Any) -> Sidecar:  # noqa: ANN401 - any field
    sidecar = Sidecar(
        app_id=app_id,
        runtime="1.18.2",
        workers=1,
        placed=True,
        placement="placement: connected",
        schedulers=("127.0.0.1:21006",),
        namespaces=frozenset({"default"}),
        stores=(STORE,),
        policies=(),
    )
    return replace(sidecar, **changes)


def an_about(app_id: str, /, **changes: Any) -> About:  # noqa: ANN401 - any field
    about = About(
        app_id=app_id,
        sdk="1.19.0",
        python="3.11.9",
        unix_seconds=0.0,
        activities=tuple(sorted(contract.activity for contract in SHOP.app(app_id).contracts)),
        workflows=(*SHOP.app(app_id).registered_workflows, PROBE_CALLS),
        revisions=Revisions(applied="0002", known=("0001", "0002")),
    )
    return about.model_copy(update=changes)


def an_app(app_id: str, /, **changes: Any) -> App:  # noqa: ANN401 - any field
    target = Target(app_id, app_id, "http://127.0.0.1:1", "http://127.0.0.1:2")
    app = App(
        target,
        sidecar=a_sidecar(app_id),
        service=an_about(app_id),
        clock_doubt_seconds=0.01,
        sees_markers_of=frozenset(CORE_APPS),
    )
    return replace(app, **changes)


def a_case(*changed: App, **changes: Any) -> Case:  # noqa: ANN401 - any field
    """The core of the shop, in which these apps are as given."""
    apps = {app_id: an_app(app_id) for app_id in CORE_APPS} | {app.app_id: app for app in changed}
    return replace(Case(tuple(apps.values()), LOCAL), **changes)
