"""Sees to it that every accepted task gets its workflow, once.

A task is accepted by the commit of its row, so what follows may crash at any point: a sweep starts (again) what no run
of the workflow has claimed. While a first run lives, the engine answers that it exists; if it has ended, the task is
claimed, and the second run ends without a trace.

Only so many tasks of each workflow run at a time; the others wait as rows (a bulkhead). A call that waits for an app
that is away isn't free: the engine tries to hand it over every few seconds, and takes a turn of the workflow for it.
No queue is silent: how many wait, how many run, and since when are metrics.
"""

import asyncio
import contextlib
from typing import Any, Final
from uuid import uuid4

import structlog
from prometheus_client import Gauge
from pydantic import ValidationError
from sqlalchemy import Row
from sqlalchemy.exc import SQLAlchemyError

from shared.contracts.message import problems_in
from shared.shop.task import TASK_ORCHESTRATOR, AcceptedTask
from shared.workflows.background import SWEEP_SECONDS, BackgroundCalls, sweep_until_cancelled
from shared.workflows.client import EngineAwayError, WorkflowStarter
from task_orchestrator_service.runs import instance_id
from task_orchestrator_service.store import Queue, TaskStore

log = structlog.get_logger()

COUNT_SECONDS: Final = 2.0

WAITING: Final = Gauge("shop_tasks_waiting", "Tasks that wait to be started", ["workflow"])
RUNNING: Final = Gauge("shop_tasks_running", "Tasks that run or are being started", ["workflow"])
FAILED: Final = Gauge("shop_tasks_failed", "Tasks that have failed and weren't begun anew", ["workflow"])
OLDEST: Final = Gauge(
    "shop_tasks_waiting_oldest_seconds", "How long ago the oldest of those that wait was accepted", ["workflow"]
)


class Starter:
    """Starts workflows in the background of the HTTP loop, up to `concurrency` tasks of each at a time.

    Each run receives how long it tries a call: `patience_seconds`.
    """

    def __init__(self, tasks: TaskStore, engine: WorkflowStarter, concurrency: int, patience_seconds: float) -> None:
        self._tasks = tasks
        self._engine = engine
        self._concurrency = concurrency
        self._patience_seconds = patience_seconds
        self._calls = BackgroundCalls()
        self._sooner = asyncio.Event()

    def signal(self) -> None:
        """A task was accepted: don't let it wait for the next sweep."""
        self._sooner.set()

    async def run(self) -> None:
        """Sweep until cancelled."""
        await sweep_until_cancelled(self._sweep, SWEEP_SECONDS, self._sooner)

    async def close(self) -> None:
        """Drop what is under way; the next process's sweep takes it up."""
        await self._calls.close()

    async def _sweep(self) -> None:
        for workflow in TASK_ORCHESTRATOR.workflows:
            for row in await self._tasks.lease_startable(workflow, self._concurrency):
                await self._start_stored(workflow, row)

    async def _start_stored(self, workflow: str, row: Row[Any]) -> None:
        """Start the task of a row; one that can't be read keeps no other task waiting."""
        try:
            task = AcceptedTask.model_validate({**row.accepted, "run_id": ""})
        except ValidationError as error:
            await self._not_started(row.task_id, f"the task's row can't be read: {problems_in(error)}")
        else:
            run_of = instance_id(task.task_id, row.restarts)
            self._calls.spawn(run_of, self._start(workflow, run_of, task))

    async def _start(self, workflow: str, run_of: str, task: AcceptedTask) -> None:
        run = task.model_copy(update={"run_id": uuid4().hex, "patience_seconds": self._patience_seconds})
        try:
            await self._engine.schedule(workflow, run_of, run)
        except EngineAwayError as error:
            await self._not_started(task.task_id, str(error))

    async def _not_started(self, task_id: str, why: str) -> None:
        log.warning("workflow not started, trying again", task_id=task_id, error=why)
        with contextlib.suppress(SQLAlchemyError, OSError):  # it is only shown
            await self._tasks.start_failed(task_id, why)


async def watch_waiting(tasks: TaskStore) -> None:
    """Keep the metrics true until cancelled."""

    async def count() -> None:
        queues, failed = await tasks.queues(), await tasks.failed()
        for workflow in TASK_ORCHESTRATOR.workflows:
            _show(workflow, queues.get(workflow, Queue()))
            FAILED.labels(workflow).set(failed.get(workflow, 0))

    await sweep_until_cancelled(count, COUNT_SECONDS, failed="tasks not counted, trying again")


def _show(workflow: str, queue: Queue) -> None:
    WAITING.labels(workflow).set(queue.waiting)
    RUNNING.labels(workflow).set(queue.running)
    OLDEST.labels(workflow).set(queue.oldest_seconds)
