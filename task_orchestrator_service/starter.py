"""Sees to it that every accepted task gets its workflow, once.

A task is accepted by the commit of its row, so what follows may crash at any point: a sweep starts (again) what no run
of the workflow has claimed. While a first run lives, the engine answers that it exists; if it has ended, the task is
claimed, and the second run ends without a trace.
"""

import contextlib
from uuid import uuid4

import structlog
from sqlalchemy.exc import SQLAlchemyError

from shared.messages.task import AcceptedTask
from shared.workflows.background import SWEEP_LIMIT, SWEEP_SECONDS, BackgroundCalls, sweep_until_cancelled
from shared.workflows.engine import EngineAwayError, WorkflowStarter
from task_orchestrator_service.runs import instance_id
from task_orchestrator_service.store import TaskStore

log = structlog.get_logger()


class Starter:
    """Starts workflows in the background of the HTTP loop."""

    def __init__(self, tasks: TaskStore, engine: WorkflowStarter) -> None:
        self._tasks = tasks
        self._engine = engine
        self._calls = BackgroundCalls()

    def start(self, workflow: str, task: AcceptedTask, restarts: int = 0) -> None:
        """Start the workflow of a task that was just accepted, or is to be begun anew."""
        self._calls.spawn(self._start(workflow, task, restarts))

    async def run(self) -> None:
        """Sweep until cancelled."""
        await sweep_until_cancelled(self._sweep, SWEEP_SECONDS)

    async def close(self) -> None:
        """Drop what is under way; the next process's sweep takes it up."""
        await self._calls.close()

    async def _sweep(self) -> None:
        for row in await self._tasks.lease_unstarted(SWEEP_LIMIT):
            self.start(row.workflow, AcceptedTask.model_validate({**row.accepted, "run_id": ""}), row.restarts)

    async def _start(self, workflow: str, task: AcceptedTask, restarts: int) -> None:
        run = task.model_copy(update={"run_id": uuid4().hex})
        try:
            await self._engine.schedule(workflow, instance_id(task.task_id, restarts), run)
        except EngineAwayError as error:
            log.warning("workflow not started, trying again", task_id=task.task_id, error=str(error))
            with contextlib.suppress(SQLAlchemyError, OSError):  # it is only shown
                await self._tasks.start_failed(task.task_id, str(error))
