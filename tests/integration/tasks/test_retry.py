"""A failed task is begun anew: the same row, another workflow instance, nothing of it done twice."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from shared.shop.task import Lane, TaskStatus
from task_orchestrator_service.acceptance import TaskService
from task_orchestrator_service.api import task_routes
from task_orchestrator_service.starter import FAILED, watch_waiting
from tests.integration.api import Client, client_of
from tests.integration.tasks.world import World, sweeping
from tests.waiting import eventually


@pytest.fixture
async def client(world: World) -> AsyncIterator[Client]:
    async with sweeping(world) as starter:
        service = TaskService(world.database, world.tasks, starter, allows_faults=False)
        async with client_of(task_routes(world.tasks, service)) as client:
            yield client


async def retry(client: Client, task_id: str = "task-1") -> tuple[int, dict[str, object]]:
    async with client.post(f"/tasks/{task_id}/retry") as response:
        return response.status, await response.json()


async def failed(world: World, task_id: str = "task-1") -> str:
    """A task that was given to someone, and failed."""
    await world.claimed(task_id, order_id=f"ord-{task_id}")
    await world.tasks.validate(task_id, "run-1")
    await world.assign(task_id)
    await world.close(task_id, TaskStatus.FAILED)
    return task_id


async def test_a_failed_task_runs_again_as_another_instance(world: World, client: Client) -> None:
    """Its order is taken again, and somebody has it."""
    await failed(world)

    assert await retry(client) == (202, {"task_id": "task-1", "status": "accepted"})

    async def started() -> bool:
        return "task-1-again-1" in world.engine.started_ids

    await eventually(started, "it is begun anew")
    row = await world.row()
    assert (row.status, row.reason, row.ended_at, row.restarts, row.result) == ("accepted", None, None, 1, {})
    assert await world.tasks.claim("task-1", "run-2")
    await world.tasks.validate("task-1", "run-2")
    assert (await world.assign("task-1", run_id="run-2")).lane is Lane.STANDARD
    assert (await world.close("task-1", run_id="run-2")).status is TaskStatus.COMPLETED


async def test_a_repeat_begins_nothing_more(world: World, client: Client) -> None:
    """Also many at once: the answer may have got lost."""
    await failed(world)

    answers = await asyncio.gather(*(retry(client) for _ in range(8)))

    assert answers == [(202, {"task_id": "task-1", "status": "accepted"})] * 8
    assert (await world.row()).restarts == 1


async def test_what_has_ended_well_is_not_begun_anew(world: World, client: Client) -> None:
    await world.claimed()
    await world.close("task-1")
    before = await world.row()

    status, problem = await retry(client)

    assert (status, problem["detail"]) == (409, "Task task-1 is completed: there is nothing to retry.")
    assert await world.row() == before


@pytest.mark.parametrize("task_id", ["nobody", "%00", "%ED%A0%80", "x" * 1000])
async def test_there_is_no_such_task(client: Client, task_id: str) -> None:
    status, problem = await retry(client, task_id)

    assert (status, str(problem["detail"])[:17]) == (404, "There is no task ")


async def test_the_old_run_changes_nothing_any_more(world: World, client: Client) -> None:
    await failed(world)
    await retry(client)

    assert not (await world.close("task-1", TaskStatus.COMPLETED)).owned
    assert (await world.row()).status == "accepted"


async def test_failed_tasks_are_counted(world: World, client: Client) -> None:
    await failed(world)
    watch = asyncio.create_task(watch_waiting(world.tasks))
    gauge = FAILED.labels("task_processing_multi_app")

    async def shows(count: int) -> bool:
        return bool(gauge._value.get() == count)  # noqa: SLF001 - no other way to read it

    await eventually(lambda: shows(1), "one has failed")
    await retry(client)
    await eventually(lambda: shows(0), "it was begun anew")
    watch.cancel()
    await asyncio.gather(watch, return_exceptions=True)
