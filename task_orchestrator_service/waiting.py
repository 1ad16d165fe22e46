"""Tasks that wait for their turn have no silent queue: how many, how many run, and since when are metrics."""

import asyncio
from typing import Final

import structlog
from prometheus_client import Gauge
from sqlalchemy.exc import SQLAlchemyError

from shared.contracts import TASK_ORCHESTRATOR_SERVICE, WORKFLOWS
from task_orchestrator_service.store import Queue, TaskStore

COUNT_SECONDS: Final = 2.0

WAITING: Final = Gauge("shop_tasks_waiting", "Tasks that wait to be started", ["workflow"])
RUNNING: Final = Gauge("shop_tasks_running", "Tasks that run or are being started", ["workflow"])
OLDEST: Final = Gauge(
    "shop_tasks_waiting_oldest_seconds", "How long ago the oldest of those that wait was accepted", ["workflow"]
)

log = structlog.get_logger()


async def watch_waiting(tasks: TaskStore) -> None:
    """Keep the metrics true until cancelled."""
    while True:
        try:
            queues = await tasks.queues()
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            log.warning("tasks not counted, trying again", error=str(error))
        else:
            for workflow in WORKFLOWS[TASK_ORCHESTRATOR_SERVICE]:
                _show(workflow, queues.get(workflow, Queue()))
        await asyncio.sleep(COUNT_SECONDS)


def _show(workflow: str, queue: Queue) -> None:
    WAITING.labels(workflow).set(queue.waiting)
    RUNNING.labels(workflow).set(queue.running)
    OLDEST.labels(workflow).set(queue.oldest_seconds)
