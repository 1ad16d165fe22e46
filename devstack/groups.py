"""The parts of the stack that can be started alone: `shop up --only GROUP`."""

from collections.abc import Iterable

from devstack.addresses import CORE_APPS, EVENT_RELAY
from devstack.errors import UnknownProcessError
from devstack.suggest import unknown_name

CORE = "core"
"""The four services of the order saga."""
EVENTS = "events"
"""What carries events from the outboxes to their consumers."""
TASKS = "tasks"
"""The task system: notification, inference, audit, and the orchestrator of tasks."""
GROUPS = (CORE, EVENTS, TASKS)
NEED_BROKER = frozenset({EVENTS, TASKS})


def groups_of(app_id: str) -> frozenset[str]:
    """The groups that an app and its sidecar belong to."""
    if app_id in CORE_APPS:
        return frozenset({CORE})
    return frozenset({EVENTS if app_id == EVENT_RELAY else TASKS})


def check_groups(groups: Iterable[str]) -> None:
    """Raises UnknownProcessError for a group that there is none of; it names the nearest."""
    for group in groups:
        if group not in GROUPS:
            raise UnknownProcessError(unknown_name(group, GROUPS, "group of processes"))
