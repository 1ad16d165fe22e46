"""Finds tasks whose workflow is gone (terminated, purged, failed by a bug), and ends them with a reason.

Nothing is decided on one look: the engine must say so twice, some time apart, in a database row, so that a restart
doesn't begin anew. A run that lives all the same changes nothing of the task any more.
"""

from typing import Final

import structlog

from shared.workflows.background import sweep_until_cancelled
from shared.workflows.engine import EngineAwayError, Instance, WorkflowCare
from task_orchestrator_service.store import TaskStore

SWEEP_SECONDS: Final = 15.0
BATCH: Final = 200

log = structlog.get_logger()


class LostTasks:
    """Looks after tasks in progress, the oldest first. Belongs to one event loop."""

    def __init__(self, tasks: TaskStore, engine: WorkflowCare, lost_seconds: float) -> None:
        self._tasks = tasks
        self._engine = engine
        self._lost_seconds = lost_seconds

    async def run(self) -> None:
        """Sweep until cancelled."""
        await sweep_until_cancelled(self.sweep, min(SWEEP_SECONDS, self._lost_seconds))

    async def sweep(self) -> None:
        """Look at one batch."""
        for task_id in await self._tasks.in_progress(self._lost_seconds, BATCH):
            try:
                instance = await self._engine.instance(task_id)
            except EngineAwayError as error:
                log.warning("tasks not looked after, trying again", error=str(error))
                return
            if instance is not None and not instance.status.is_terminal:
                await self._tasks.not_lost(task_id)
            elif await self._tasks.give_up_lost(task_id, _reason(instance), self._lost_seconds):
                log.error("task lost its workflow", task_id=task_id)


def _reason(instance: Instance | None) -> str:
    if instance is None:
        what = "the engine doesn't know its workflow any more"
    else:
        what = f"its workflow is {instance.status}" + (f" ({instance.error})" if instance.error else "")
    return f"The task was lost: {what}. Its steps may have taken effect; submit the task again under a new key."
