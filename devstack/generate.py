"""Writes the files that follow from the registry of apps: `make generate`. They are committed, and equal by test.

Dapr resources and Kubernetes manifests that repeat for each app are made of the pieces in `templates/`. Patches beside
the manifests add what all share.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from string import Template
from typing import Final

from devstack.cluster.secrets import NAMESPACE, secret_key
from devstack.dapr_cli.run_file import RUN_FILE, run_file
from devstack.settings import PROJECT_ROOT, load_settings
from devstack.supervisor.stack import planned_topology
from shared.contracts.app import App, Registry
from shared.shop.registry import EVENT_RELAY

COMPONENTS: Final = PROJECT_ROOT / "components"
LOCAL_NAMESPACE: Final = "default"
DAPR: Final = PROJECT_ROOT / "deploy" / "base" / "dapr"
APPS: Final = PROJECT_ROOT / "deploy" / "base" / "apps"
SCALING: Final = PROJECT_ROOT / "deploy" / "components" / "scaling"

MADE: Final = "# Made from the registry of apps by `make generate`: don't edit it, a test compares the two.\n"
CHILDREN: Final = """\
      # The workflows that other apps call as their child. A turn that begins a child in an app that is away is never
      # saved, but tried again every second: no deadline works until the app is back. Only the block is shorter.
"""
VALUE: Final = "            - {{name: {}, value: {}}}\n"
REFERENCE: Final = "            - {{name: {}, valueFrom: {{{}: {{name: {}, key: {}}}}}}}\n"


def documents(registry: Registry) -> Mapping[Path, str]:
    """Each generated file with its text."""
    # Of the relay's pods only one works.
    scaled = [app_id for app_id in registry.app_ids if app_id != EVENT_RELAY]
    texts = {
        COMPONENTS / "resiliency.yaml": resiliency(registry, LOCAL_NAMESPACE),
        DAPR / "resiliency.yaml": resiliency(registry, NAMESPACE),
        DAPR / "access-policies.yaml": access_policies(registry),
        APPS / "services.yaml": "---\n".join("".join(_program(app)) for app in registry.apps),
        SCALING / "autoscalers.yaml": _for_each(scaled, "autoscaler"),
        SCALING / "budgets.yaml": _for_each(registry.app_ids, "budget"),
    }
    return {file: MADE + text for file, text in texts.items()}


def resiliency(registry: Registry, namespace: str) -> str:
    """The target of each app's activities, without which a call to it holds a turn for five seconds."""
    target = f"      dapr.internal.{namespace}.{{}}.{{}}:\n        retry: quick\n"
    activities = "".join(target.format(app_id, "activity") for app_id in registry.app_ids)
    children = "".join(target.format(app.app_id, "workflow") for app in registry.apps if app.children)
    return _filled("resiliency") + activities + (CHILDREN + children if children else "")


def access_policies(registry: Registry) -> str:
    """A policy for each app that others call."""
    called = [app for app in registry.apps if any(registry.callers_of(app))]
    return _filled("access-policies") + "---\n".join("".join(_policy(registry, app)) for app in called)


def _policy(registry: Registry, app: App) -> Iterator[str]:
    yield f"apiVersion: dapr.io/v1alpha1\nkind: WorkflowAccessPolicy\nmetadata:\n  name: {app.app_id}\n"
    yield f"scopes:\n  - {app.app_id}\nspec:\n  rules:\n    - callers:\n"
    yield from (f"        - appID: {caller.app_id}\n" for caller in registry.callers_of(app))
    if app.children:
        yield "      workflows:\n        # A parent that is terminated or purged takes its child with it.\n"
        for child in app.children:
            yield f"        - name: {child.workflow}\n          operations: [schedule, terminate, purge]\n"
        return
    yield "      activities:\n"
    yield from (f"        - name: {contract.activity}\n" for contract in app.contracts)


def _program(app: App) -> Iterator[str]:
    name, component = app.app_id, "app" if app.has_sidecar else "gateway"
    labels = f"app.kubernetes.io/name: {name}, app.kubernetes.io/component: {component}"
    # Events are delivered to the port.
    deliveries = ', dapr.io/app-port: "8080", dapr.io/app-protocol: http' if app.takes_events else ""
    yield _filled(
        "program",
        name=name,
        package=app.package,
        labels=labels,
        pod_labels=f'{labels}, saga-shop/events: "true"' if app.takes_events else labels,
        annotations=f"\n      annotations: {{dapr.io/app-id: {name}{deliveries}}}" if app.has_sidecar else "",
    )
    for variable in app.database_roles:
        yield REFERENCE.format(variable, "secretKeyRef", name, secret_key(variable))
    if app.takes_events:
        yield REFERENCE.format("BROKER_URL", "configMapKeyRef", "shop", "broker-url")
    for variable, peer in app.peers.items():
        yield VALUE.format(variable, f"http://{peer}:8080")


def _for_each(app_ids: Iterable[str], template: str) -> str:
    return "---\n".join(_filled(template, name=app_id, namespace=NAMESPACE) for app_id in app_ids)


def _filled(template: str, **values: str) -> str:
    """The text of a template, with these values."""
    return Template((Path(__file__).parent / "templates" / f"{template}.yaml").read_text()).substitute(values)


if __name__ == "__main__":
    settings = load_settings()
    files = {**documents(settings.registry), RUN_FILE: run_file(planned_topology(settings))}
    for file, text in files.items():
        file.write_text(text)
        sys.stdout.write(f"{file.relative_to(PROJECT_ROOT)}\n")
