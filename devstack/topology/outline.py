"""The topology as data for other programs, such as the Tiltfile: without commands, environments and passwords."""

from pathlib import Path
from typing import Any

from devstack.settings import PROJECT_ROOT, StackSettings
from devstack.topology.addresses import MAILBOX, Offset, port_at
from devstack.topology.infrastructure import BROKER_CONFIGURATION, COMPONENTS
from devstack.topology.specs import Finished, ProcessSpec, Topology
from shared.contracts.app import Registry
from shared.shop.audit import AUDIT_SERVICE
from shared.shop.gateway import PAYMENT_GATEWAY
from shared.shop.groups import EVENTS
from shared.shop.inference import ML_INFERENCE_SERVICE
from shared.shop.notification import NOTIFICATION_SERVICE
from shared.shop.order import ORDER_SERVICE, ORDER_STEPS
from shared.shop.registry import EVENT_RELAY
from shared.shop.task import TASK_ORCHESTRATOR_SERVICE

INFRASTRUCTURE = "infrastructure"
# What every Python process imports beside its own package.
SHARED = "shared"
# What to read about a process, below docs/.
DOCS = {
    ORDER_SERVICE: ("failures.md", "repair.md", "approval.md"),
    PAYMENT_GATEWAY: ("failures.md",),
    NOTIFICATION_SERVICE: ("notifications.md",),
    MAILBOX: ("notifications.md",),
    ML_INFERENCE_SERVICE: ("fraud-score.md",),
    AUDIT_SERVICE: ("audit.md",),
    TASK_ORCHESTRATOR_SERVICE: ("tasks.md",),
    EVENT_RELAY: ("events.md", "consuming-events.md"),
}
# Which answers of a service are worth a look.
PAGES = {ORDER_SERVICE: ("/openapi.json", "/orders", "/products", "/audit/conservation", "/metrics")}
PAGES_BY_KIND = {"service": ("/readyz",), "sidecar": ("/v1.0/metadata",)}


def outline(topology: Topology, settings: StackSettings) -> dict[str, Any]:
    """All that a dev loop must know to show the stack and to restart the right part of it."""
    return {
        "mode": settings.mode.value,
        "home": str(settings.home),
        "api_url": settings.api_url,
        "control_port": topology.control_port.number,
        "docs_port": port_at(settings, Offset.DOCS),
        "order_steps": [step.activity for step in ORDER_STEPS],
        "processes": [_process(spec, settings.registry) for spec in topology.processes],
    }


def _process(spec: ProcessSpec, registry: Registry) -> dict[str, Any]:
    return {
        "name": spec.name,
        "kind": spec.kind,
        "finishes": isinstance(spec.ready, Finished),
        "label": label_of(spec, registry),
        "starts_after": list(spec.starts_after),
        "ports": [claim.number for claim in spec.ports],
        "watches": list(watches(spec)),
        "pages": {path: f"{spec.url}{path}" for path in _pages(spec)} if spec.url else {},
        "docs": list(DOCS.get(spec.name, ())),
    }


def label_of(spec: ProcessSpec, registry: Registry) -> str:
    """The group that a process is shown in: what all need stands apart."""
    if not spec.groups:
        return INFRASTRUCTURE
    return EVENTS if spec.groups == registry.event_groups else min(spec.groups)


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
