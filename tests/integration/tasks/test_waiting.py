"""How many tasks wait and run stands in `/metrics`, of each workflow."""

import asyncio

import aiohttp
from prometheus_client import REGISTRY

from shared.shop.task import TASK_PROCESSING, TASK_WITH_AUDIT
from task_orchestrator_service.starter import watch_waiting
from task_orchestrator_service.store import TaskStore
from tests.integration.service_process import running
from tests.integration.tasks.world import World
from tests.waiting import eventually

Waiting = tuple[float | None, float | None]
"""Of one workflow, how many wait and how many run."""


async def test_the_metrics_count_what_waits_and_what_runs(world: World) -> None:
    """By workflow; a task that is being started doesn't wait any more, and one that has ended counts no more."""
    for task_id in ("task-1", "task-2", "task-3", "task-4"):
        await world.accept(task_id)
    await world.accept("task-5")
    await world.sql(f"UPDATE tasks SET workflow = '{TASK_WITH_AUDIT}' WHERE task_id = 'task-5'")
    await world.sql("UPDATE tasks SET start_due_at = now() + interval '1 minute' WHERE task_id = 'task-1'")
    await world.sql("UPDATE tasks SET accepted_at = now() - interval '1 hour' WHERE task_id = 'task-2'")
    assert await world.tasks.claim("task-3", "run-1")
    await shown(world, TASK_PROCESSING, (2, 2))
    assert (1, 0) == waiting(TASK_WITH_AUDIT)
    assert 3600 <= (sample("shop_tasks_waiting_oldest_seconds", TASK_PROCESSING) or 0) < 3700

    await world.close("task-3")
    await world.sql("UPDATE tasks SET start_due_at = now() + interval '1 minute' WHERE ended_at IS NULL")

    await shown(world, TASK_PROCESSING, (0, 3))
    assert (0, 1) == waiting(TASK_WITH_AUDIT)
    assert 0 == sample("shop_tasks_waiting_oldest_seconds", TASK_PROCESSING)


async def test_the_service_shows_them(database_url: str) -> None:
    """Also those of a workflow that nobody has asked for: an alarm must not lack its number."""
    line = f'shop_tasks_waiting{{workflow="{TASK_WITH_AUDIT}"}} 0.0'
    async with running("task_orchestrator_service", database_url, BROKER_URL="nats://127.0.0.1:1") as service:

        async def is_shown() -> bool:
            async with aiohttp.ClientSession() as session, session.get(f"{service.base_url}/metrics") as response:
                return line in await response.text()

        await eventually(is_shown)


async def shown(world: World, workflow: str, expected: Waiting) -> None:
    watch = asyncio.create_task(watch_waiting(TaskStore(world.database)))
    await eventually(lambda: waiting(workflow) == expected)
    watch.cancel()


def waiting(workflow: str) -> Waiting:
    return sample("shop_tasks_waiting", workflow), sample("shop_tasks_running", workflow)


def sample(name: str, workflow: str) -> float | None:
    return REGISTRY.get_sample_value(name, {"workflow": workflow})
