"""Finds tasks whose workflow doesn't go on, and sees to it that they come to an end.

gone      terminated or purged: the task fails, with a reason
broken    takes no event, since its sidecar has lost a turn, or can't be read, or has failed by a fault of the engine
          (or of ours): the task is begun anew, as another workflow instance under the same idempotency keys, so that
          nothing of it is done twice

Nothing is decided on one look: the engine must say so twice, some time apart, in a database row, so that a restart
doesn't begin anew. A run that lives all the same changes nothing of the task any more.
"""

from dataclasses import dataclass
from typing import Final

import structlog
from prometheus_client import Counter

from shared.shop.task import TASK_PROCESSING, TaskStatus
from shared.workflows.background import sweep_until_cancelled
from shared.workflows.client import EngineAwayError, Instance, InstanceStatus, Probe, UnreadableError, WorkflowEngine
from task_orchestrator_service.runs import OpenTask
from task_orchestrator_service.store import TaskStore

SWEEP_SECONDS: Final = 15.0
BATCH: Final = 200

MOST_RESTARTS: Final = 3
"""Who loses so many runs of one task has a fault that another run doesn't mend."""

RESTARTS: Final = Counter("shop_tasks_restarted", "Tasks begun anew since their workflow took no event")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the engine must have said so, in seconds."""

    gone_seconds: float
    silent_seconds: float


class LostTasks:
    """Looks after open tasks, the oldest first. Belongs to one event loop."""

    def __init__(self, tasks: TaskStore, engine: WorkflowEngine, patience: Patience) -> None:
        self._tasks = tasks
        self._engine = engine
        self._patience = patience
        self._probe = Probe(engine)

    async def run(self) -> None:
        """Sweep until cancelled."""
        await sweep_until_cancelled(self.sweep, min(SWEEP_SECONDS, self._patience.gone_seconds))

    async def sweep(self) -> None:
        """Look at one batch."""
        to_ask: list[OpenTask] = []
        for task in await self._tasks.open(self._patience.gone_seconds, BATCH):
            try:
                instance = await self._engine.instance(task.instance_id)
            except UnreadableError as error:
                await self._broken(task, f"the engine can't read its workflow: {error}")
                continue
            except EngineAwayError as error:
                log.warning("tasks not looked after, trying again", error=str(error))
                return
            if instance is None or instance.status.is_terminal:
                await self._gone(task, instance)
            elif task.workflow == TASK_PROCESSING:
                to_ask.append(task)
            else:  # an audit is waited for as long as it takes, and its caller may then take no event (docs/audit.md)
                await self._tasks.not_lost(task.task_id)
        await self._ask(to_ask)

    async def _ask(self, tasks: list[OpenTask]) -> None:
        takes_events = await self._probe.ask([task.instance_id for task in tasks])
        for task in tasks:
            match takes_events.get(task.instance_id):
                case True:
                    await self._tasks.not_lost(task.task_id)
                case False:
                    await self._broken(task, "its workflow takes no event")

    async def _gone(self, task: OpenTask, instance: Instance | None) -> None:
        if task.status is TaskStatus.ACCEPTED:
            return  # no run has claimed it: the starter starts it (again)
        why = _why_gone(instance)
        has_failed = instance is not None and instance.status is InstanceStatus.FAILED
        if has_failed or task.restarts:  # the run before may not have been lost, have kept the task, and be lost now
            await self._broken(task, why)
        elif await self._tasks.fail_lost(task, _reason(why), self._patience.gone_seconds):
            log.error("task lost its workflow", task_id=task.task_id)

    async def _broken(self, task: OpenTask, why: str) -> None:
        if task.restarts >= MOST_RESTARTS:
            if await self._tasks.fail_lost(task, _reason(why), self._patience.silent_seconds):
                log.error("task lost its workflow", task_id=task.task_id)
        elif await self._tasks.restart_lost(task, self._patience.silent_seconds):
            RESTARTS.inc()
            log.warning("task begun anew", task_id=task.task_id, restarts=task.restarts + 1, why=why)


def _why_gone(instance: Instance | None) -> str:
    if instance is None:
        return "the engine doesn't know its workflow any more"
    return f"its workflow is {instance.status}" + (f" ({instance.error})" if instance.error else "")


def _reason(why: str) -> str:
    return f"The task was lost: {why}. Its steps may have taken effect; submit the task again under a new key."
