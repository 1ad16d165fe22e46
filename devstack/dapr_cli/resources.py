"""Dapr resources that repeat for each app, made from the registry."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from devstack.cluster.secrets import NAMESPACE
from devstack.settings import PROJECT_ROOT
from shared.contracts.app import App, Registry

LOCAL: Final = PROJECT_ROOT / "components"
CLUSTER: Final = PROJECT_ROOT / "deploy" / "base" / "dapr"
LOCAL_NAMESPACE: Final = "default"

RESILIENCY: Final = """\
# What a sidecar does when it can't reach the app that an activity belongs to.
#
# By default it tries five times, a second apart, while the whole workflow turn waits: five seconds in which no timer of
# that workflow is set, so that no deadline works. With one quick retry the turn ends at once, the deadline runs, and
# Dapr goes on dispatching in the background until the app is back.
#
# The retries that the shop's business relies on are the workflow's own retry policies; these here don't add to them.
apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata:
  name: resiliency
spec:
  policies:
    retries:
      quick:
        policy: constant
        duration: 50ms
        maxRetries: 1
  targets:
    actors:
      # The actor type of an app's activities: dapr.internal.<namespace>.<app id>.activity
      # For another namespace change the name in devstack/cluster/secrets.py.
"""
CHILDREN: Final = """\
      # The workflows that other apps call as their child. A turn that begins a child in an app that is away is never
      # saved, but tried again every second: no deadline works until the app is back. Only the block is shorter.
"""
POLICIES: Final = """\
# Who may have which work done by whom. A sidecar refuses what isn't listed before it reaches the app. It knows the
# caller by its mTLS certificate, so these work only where mTLS is on, as it is on Kubernetes by default. Without it
# they would deny everything.
#
# The apps that call others have no policy: in Dapr 1.18 results come back to the calling workflow as events, and a
# policy at the caller refuses those as an operation that it doesn't know.
"""


def resources(registry: Registry) -> Mapping[Path, str]:
    """Each file with its text."""
    return {
        LOCAL / "resiliency.yaml": resiliency(registry, LOCAL_NAMESPACE),
        CLUSTER / "resiliency.yaml": resiliency(registry, NAMESPACE),
        CLUSTER / "access-policies.yaml": access_policies(registry),
    }


def resiliency(registry: Registry, namespace: str) -> str:
    """The target of each app's activities, without which a call to it holds a turn for five seconds."""
    target = f"      dapr.internal.{namespace}.{{}}.{{}}:\n        retry: quick\n"
    activities = "".join(target.format(app_id, "activity") for app_id in registry.app_ids)
    children = "".join(target.format(app.app_id, "workflow") for app in registry.apps if app.children)
    return RESILIENCY + activities + (CHILDREN + children if children else "")


def access_policies(registry: Registry) -> str:
    """A policy for each app that others call."""
    called = [app for app in registry.apps if any(registry.callers_of(app))]
    return POLICIES + "---\n".join("".join(_policy(registry, app)) for app in called)


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
