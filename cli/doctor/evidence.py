"""What the doctor saw, and what it can find: a finding is concluded from the evidence."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from cli.doctor.targets import Surroundings, Target
from shared.participant.call_probe import ProbedCall
from shared.service.about import About
from shared.shop.registry import SHOP


@dataclass(frozen=True, slots=True)
class Store:
    """A state store component as a sidecar has it; without its database."""

    name: str
    type: str
    version: str

    def __str__(self) -> str:
        return f"{self.name} ({self.type} {self.version})"


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What a sidecar says of itself."""

    app_id: str
    runtime: str
    workers: int
    placed: bool
    placement: str
    schedulers: tuple[str, ...]
    namespaces: frozenset[str]
    stores: tuple[Store, ...]
    policies: tuple[str, ...]

    @classmethod
    def read(cls, metadata: dict[str, Any]) -> Self:
        """From the answer of `GET /v1.0/metadata`."""
        actors = metadata.get("actorRuntime", {})
        types = [one["type"] for one in actors.get("activeActors", [])]
        return cls(
            app_id=metadata.get("id", ""),
            runtime=metadata.get("runtimeVersion", "unknown"),
            workers=int(metadata.get("workflows", {}).get("connectedWorkers", 0)),
            placed=bool(actors.get("hostReady", False)),
            placement=actors.get("placement", ""),
            schedulers=tuple(metadata.get("scheduler", {}).get("connected_addresses", [])),
            namespaces=frozenset(_namespaces(types)),
            stores=tuple(
                Store(one["name"], one["type"], one["version"])
                for one in metadata.get("components", [])
                if one["type"].startswith("state.")
            ),
            policies=tuple(one["name"] for one in metadata.get("workflowAccessPolicies", [])),
        )


def _namespaces(actor_types: list[str]) -> Iterator[str]:
    """Of types such as `dapr.internal.default.order-service.workflow`."""
    for one in actor_types:
        parts = one.split(".")
        if parts[:2] == ["dapr", "internal"] and len(parts) >= 5:  # noqa: PLR2004 - prefix, namespace, app, kind
            yield parts[2]


@dataclass(frozen=True, slots=True)
class App:
    """One app: its sidecar and its service, or why either couldn't be asked."""

    target: Target
    sidecar: Sidecar | None = None
    sidecar_error: str = ""
    service: About | None = None
    service_error: str = ""
    is_silent: bool = False
    """Its service answers, but doesn't say what it is: it is of a version before `GET /about`."""
    deaf_schedulers: tuple[str, ...] = ()
    """The addresses at which its sidecar has the scheduler, and nobody listens. The sidecar keeps a dead one's."""
    unhealthy: str | None = None
    """Why the sidecar isn't ready, in its own words."""
    unready: str | None = None
    """Why the service isn't ready, in its own words."""
    clock_ahead_seconds: float = 0.0
    """Of the doctor's own clock."""
    clock_doubt_seconds: float = 0.0
    """Half the time that asking took."""
    store_error: str | None = None
    """Why a marker couldn't be written to its state store or read again."""
    sees_markers_of: frozenset[str] = frozenset()
    """The places (see `Target`) whose markers its state store has; empty if none was looked for."""

    @property
    def app_id(self) -> str:
        return self.target.app_id

    @property
    def has_worker(self) -> bool:
        """Whether the contracts have activities or workflows of this app."""
        app = SHOP.find(self.app_id)
        return app is not None and app.has_worker


@dataclass(frozen=True, slots=True)
class Probed:
    """A call that `caller` was asked to try."""

    caller: str
    call: ProbedCall


@dataclass(frozen=True, slots=True)
class Stalled:
    """`caller` was asked to try its calls, but its workflow doesn't run."""

    caller: str
    why: str


@dataclass(frozen=True, slots=True)
class LateOrder:
    """An open order whose deadline has passed."""

    order_id: str
    status: str
    late_seconds: float
    step: str | None
    """What it is at: the step that runs or was tried last."""
    step_app: str | None
    error: str | None
    workflow: str
    """Its workflow's status in the engine."""


@dataclass(frozen=True, slots=True)
class Case:
    """All evidence together."""

    apps: tuple[App, ...]
    surroundings: Surroundings
    expected: frozenset[str] = frozenset()
    """The apps that must be there."""
    probed: tuple[Probed, ...] = ()
    stalled: tuple[Stalled, ...] = ()
    late: tuple[LateOrder, ...] = ()
    unlooked: tuple[str, ...] = ()
    """What couldn't be looked at, and why."""

    @property
    def answering(self) -> Iterator[tuple[App, Sidecar]]:
        """The apps whose sidecar answers."""
        return ((app, app.sidecar) for app in self.apps if app.sidecar is not None)

    @property
    def introduced(self) -> Iterator[tuple[App, About]]:
        """The apps whose service said what it is."""
        return ((app, app.service) for app in self.apps if app.service is not None)


class Kind(StrEnum):
    """The kinds of findings; docs/debugging.md describes each."""

    APP_MISSING = "app_missing"
    SIDECAR_DOWN = "sidecar_down"
    SERVICE_DOWN = "service_down"
    WRONG_APP = "wrong_app"
    NOT_READY = "not_ready"
    PLACEMENT_AWAY = "placement_away"
    SCHEDULER_AWAY = "scheduler_away"
    NAMESPACE_DIFFERS = "namespace_differs"
    NO_WORKER = "no_worker"
    MANY_WORKERS = "many_workers"
    ACTIVITY_MISSING = "activity_missing"
    WORKFLOW_MISSING = "workflow_missing"
    STORE_MISSING = "store_missing"
    STORE_DIFFERS = "store_differs"
    STORE_UNUSABLE = "store_unusable"
    STORE_APART = "store_apart"
    STORE_UNPROVEN = "store_unproven"
    ACCESS_DENIED = "access_denied"
    CALL_FAILED = "call_failed"
    WORKFLOWS_STAND_STILL = "workflows_stand_still"
    RUNTIME_SKEW = "runtime_skew"
    SDK_SKEW = "sdk_skew"
    CLOCK_SKEW = "clock_skew"
    TABLES_BEHIND = "tables_behind"
    TABLES_AHEAD = "tables_ahead"
    LATE_ORDER = "late_order"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong."""

    kind: Kind
    apps: tuple[str, ...]
    """The apps that have it."""
    seen: str
    why: str
    to_do: str
    activity: str | None = None
    """The activity or workflow that it is about, if it is about one."""
