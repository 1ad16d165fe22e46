"""Tasks that wait for their turn have no silent queue: how many, how many run, and since when are metrics."""

from typing import Final

from prometheus_client import Gauge

from shared.shop.task import TASK_ORCHESTRATOR
from shared.workflows.background import sweep_until_cancelled
from task_orchestrator_service.store import Queue, TaskStore

COUNT_SECONDS: Final = 2.0

WAITING: Final = Gauge("shop_tasks_waiting", "Tasks that wait to be started", ["workflow"])
RUNNING: Final = Gauge("shop_tasks_running", "Tasks that run or are being started", ["workflow"])
OLDEST: Final = Gauge(
    "shop_tasks_waiting_oldest_seconds", "How long ago the oldest of those that wait was accepted", ["workflow"]
)


async def watch_waiting(tasks: TaskStore) -> None:
    """Keep the metrics true until cancelled."""

    async def count() -> None:
        queues = await tasks.queues()
        for workflow in TASK_ORCHESTRATOR.workflows:
            _show(workflow, queues.get(workflow, Queue()))

    await sweep_until_cancelled(count, COUNT_SECONDS, failed="tasks not counted, trying again")


def _show(workflow: str, queue: Queue) -> None:
    WAITING.labels(workflow).set(queue.waiting)
    RUNNING.labels(workflow).set(queue.running)
    OLDEST.labels(workflow).set(queue.oldest_seconds)
