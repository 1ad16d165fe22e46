"""The topology as data for other programs, such as the Tiltfile: without commands, environments and passwords."""

from pathlib import Path
from typing import Any

from devstack.addresses import (
    AUDIT,
    DOCS_OFFSET,
    EVENT_RELAY,
    GATEWAY,
    MAILBOX,
    ML_INFERENCE,
    NOTIFICATION,
    ORDER,
    TASK_ORCHESTRATOR,
    port_at,
)
from devstack.broker_processes import CONFIGURATION as BROKER_CONFIGURATION
from devstack.dapr_processes import COMPONENTS
from devstack.groups import EVENTS, GROUPS, NEED_BROKER
from devstack.settings import PROJECT_ROOT, StackSettings
from devstack.specs import Finished, ProcessSpec, Topology

INFRASTRUCTURE = "infrastructure"
# What every Python process imports beside its own package.
SHARED = "shared"
# What to read about a process, below docs/.
DOCS = {
    ORDER: ("failures.md", "repair.md", "approval.md"),
    GATEWAY: ("failures.md",),
    NOTIFICATION: ("notifications.md",),
    MAILBOX: ("notifications.md",),
    ML_INFERENCE: ("fraud-score.md",),
    AUDIT: ("audit.md",),
    TASK_ORCHESTRATOR: ("tasks.md",),
    EVENT_RELAY: ("events.md", "consuming-events.md"),
}
# Which answers of a service are worth a look.
PAGES = {
    ORDER: ("/openapi.json", "/orders", "/products", "/audit/conservation", "/metrics"),
}
PAGES_BY_KIND = {"service": ("/readyz",), "sidecar": ("/v1.0/metadata",)}


def outline(topology: Topology, settings: StackSettings) -> dict[str, Any]:
    """All that a dev loop must know to show the stack and to restart the right part of it."""
    return {
        "mode": settings.mode.value,
        "home": str(settings.home),
        "api_url": settings.api_url,
        "control_port": topology.control_port.number,
        "docs_port": port_at(settings, DOCS_OFFSET),
        "processes": [_process(spec) for spec in topology.processes],
    }


def _process(spec: ProcessSpec) -> dict[str, Any]:
    return {
        "name": spec.name,
        "kind": spec.kind,
        "finishes": isinstance(spec.ready, Finished),
        "label": label_of(spec),
        "starts_after": list(spec.starts_after),
        "ports": [claim.number for claim in spec.ports],
        "watches": list(watches(spec)),
        "pages": {path: f"{spec.url}{path}" for path in _pages(spec)} if spec.url else {},
        "docs": list(DOCS.get(spec.name, ())),
    }


def label_of(spec: ProcessSpec) -> str:
    """The group that a process is shown in: what all need stands apart."""
    if spec.groups == frozenset(GROUPS):
        return INFRASTRUCTURE
    return EVENTS if spec.groups == NEED_BROKER else min(spec.groups)


def watches(spec: ProcessSpec) -> tuple[str, ...]:
    """The files and folders of the project whose change calls for a new start of this process, and of no other."""
    if spec.kind == "sidecar":
        return (_relative(COMPONENTS),)
    if spec.kind == "broker":
        return (_relative(BROKER_CONFIGURATION),)
    module = _module(spec)
    if module is None or module.startswith("devstack"):
        return ()
    package, _, inner = module.partition(".")
    if inner:
        # A task beside a service: not every change of the service concerns it.
        return (f"{package}/{inner}.py", f"{package}/migrations")
    return (package, SHARED)


def _pages(spec: ProcessSpec) -> tuple[str, ...]:
    return PAGES.get(spec.name, PAGES_BY_KIND.get(spec.kind, ()))


def _module(spec: ProcessSpec) -> str | None:
    """What a Python process runs."""
    return spec.command[spec.command.index("-m") + 1] if "-m" in spec.command else None


def _relative(path: Path) -> str:
    return str(path.relative_to(PROJECT_ROOT))
