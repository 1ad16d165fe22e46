"""The parts of the shop that can be started alone."""

from typing import Final

CORE: Final = "core"
"""The services of the order saga."""
EVENTS: Final = "events"
"""What carries events from the outboxes to their consumers."""
TASKS: Final = "tasks"
"""The task system: notification, inference, audit, and the orchestrator of tasks."""
