"""Kubernetes manifests that repeat for each app, made from the registry; patches beside them add what all share."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from devstack.cluster.secrets import NAMESPACE, secret_key
from devstack.settings import PROJECT_ROOT
from shared.contracts.app import App, Registry
from shared.shop.registry import EVENT_RELAY

APPS: Final = PROJECT_ROOT / "deploy" / "base" / "apps"
SCALING: Final = PROJECT_ROOT / "deploy" / "components" / "scaling"

PROGRAM: Final = """\
apiVersion: v1
kind: Service
metadata:
  name: {name}
  labels: {{{labels}}}
spec:
  selector: {{app.kubernetes.io/name: {name}}}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  labels: {{{labels}}}
spec:
  selector:
    matchLabels: {{app.kubernetes.io/name: {name}}}
  template:
    metadata:
      labels: {{{pod_labels}}}
{annotations}\
    spec:
      containers:
        - name: app
          args: [{package}]
          env:
"""
VALUE: Final = "            - {{name: {}, value: {}}}\n"
REFERENCE: Final = "            - {{name: {}, valueFrom: {{{}: {{name: {}, key: {}}}}}}}\n"
AUTOSCALER: Final = """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: {name}}}
"""
BUDGET: Final = """\
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  selector:
    matchLabels: {{app.kubernetes.io/name: {name}}}
"""


def manifests(registry: Registry) -> dict[Path, str]:
    """Each file with its text."""
    # Of the relay's pods only one works.
    scaled = [app_id for app_id in registry.app_ids if app_id != EVENT_RELAY]
    return {
        APPS / "services.yaml": "---\n".join("".join(_program(app)) for app in registry.apps),
        SCALING / "autoscalers.yaml": _for_each(scaled, AUTOSCALER),
        SCALING / "budgets.yaml": _for_each(registry.app_ids, BUDGET),
    }


def _for_each(app_ids: Iterable[str], template: str) -> str:
    return "---\n".join(template.format(name=app_id, namespace=NAMESPACE) for app_id in app_ids)


def _program(app: App) -> Iterator[str]:
    name, component = app.app_id, "app" if app.has_sidecar else "gateway"
    labels = f"app.kubernetes.io/name: {name}, app.kubernetes.io/component: {component}"
    # Events are delivered to the port.
    deliveries = ', dapr.io/app-port: "8080", dapr.io/app-protocol: http' if app.takes_events else ""
    yield PROGRAM.format(
        name=name,
        package=app.package,
        labels=labels,
        pod_labels=f'{labels}, saga-shop/events: "true"' if app.takes_events else labels,
        annotations=f"      annotations: {{dapr.io/app-id: {name}{deliveries}}}\n" if app.has_sidecar else "",
    )
    for variable in app.database_roles:
        yield REFERENCE.format(variable, "secretKeyRef", name, secret_key(variable))
    if app.takes_events:
        yield REFERENCE.format("BROKER_URL", "configMapKeyRef", "shop", "broker-url")
    for variable, peer in app.peers.items():
        yield VALUE.format(variable, f"http://{peer}:8080")
