"""What the doctor can find."""

from dataclasses import dataclass
from enum import StrEnum


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
