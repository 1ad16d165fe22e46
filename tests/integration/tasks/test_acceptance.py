"""Tasks are accepted durably, from HTTP and from events alike, and started until a run has claimed them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import update

from shared.events.inbox import Outcome
from shared.shop.task import TASK_PROCESSING, TASK_WITH_AUDIT
from shared.web.requests import request_hash
from task_orchestrator_service.acceptance import TaskBody, TaskService
from task_orchestrator_service.api import task_routes
from task_orchestrator_service.tables import TASKS
from tests.integration.api import Client, client_of
from tests.integration.tasks.world import World, completed, sweeping
from tests.waiting import eventually

BODY: dict[str, Any] = {
    "customer": {"email": "ada@example.org", "user_id": "ada"},
    "lines": [{"sku": "TEA", "quantity": 3}],
    "total_cents": 4200,
    "currency": "EUR",
    "country": "DE",
}
FAULTS = [{"activity": "send_email", "mode": "fail"}]


@asynccontextmanager
async def serving(world: World, *, allows_faults: bool) -> AsyncIterator[Client]:
    """A client of the service in demo or in production mode."""
    async with sweeping(world) as starter:
        service = TaskService(world.database, world.tasks, starter, allows_faults=allows_faults)
        async with client_of(task_routes(world.tasks, service)) as client:
            yield client


@pytest.fixture
async def client(world: World) -> AsyncIterator[Client]:
    async with serving(world, allows_faults=False) as client:
        yield client


async def post(client: Client, key: str = "key-1", **changes: Any) -> tuple[int, dict[str, Any]]:  # noqa: ANN401
    async with client.post("/tasks", json={**BODY, **changes}, headers={"Idempotency-Key": key}) as response:
        return response.status, await response.json()


async def test_a_posted_task_is_stored_started_and_found(client: Client, world: World) -> None:
    """The same key and body are the same task, however many ask at once; another body is refused."""
    answers = await asyncio.gather(*(post(client) for _ in range(8)))

    assert {202} == {status for status, _ in answers}
    (task_id,) = {answer["task_id"] for _, answer in answers}
    assert (409, "This Idempotency-Key was used for another task") == (
        (conflict := await post(client, total_cents=1))[0],
        conflict[1]["detail"].partition(":")[0],
    )
    async with client.get(f"/tasks/{task_id}") as response:
        shown = await response.json()
    assert (shown["status"], shown["workflow"], shown["steps"]) == ("accepted", TASK_PROCESSING, [])

    async def started() -> bool:
        return bool(world.engine.started)

    await eventually(started)
    assert {(TASK_PROCESSING, task_id)} == {(workflow, instance) for workflow, instance, _ in world.engine.started}


async def test_pages_go_on_where_they_ended(client: Client) -> None:
    """Newest first, by status."""
    posted = [(await post(client, f"key-{number}"))[1]["task_id"] for number in range(5)]
    found: list[str] = []
    query = "/tasks?status=accepted&limit=2"
    while query:
        async with client.get(query) as response:
            page = await response.json()
        found += [task["task_id"] for task in page["items"]]
        cursor = page["next_cursor"]
        query = f"/tasks?status=accepted&limit=2&cursor={cursor}" if cursor else ""

    assert posted[::-1] == found


async def test_no_fault_plan_in_production(client: Client) -> None:
    """403, and nothing stored."""
    status, problem = await post(client, faults=FAULTS)

    assert (status, "production mode" in problem["detail"]) == (403, True)


async def test_a_repeat_with_a_fault_plan_gets_its_task_also_in_production(world: World) -> None:
    """The same answer for good: also after the service was started again in another mode."""
    answers = []
    for allows_faults in (True, False):
        async with serving(world, allows_faults=allows_faults) as client:
            answers.append(await post(client, faults=FAULTS))

    assert 202 == answers[0][0]
    assert answers[0] == answers[1]


async def test_an_order_published_twice_is_one_task(world: World) -> None:
    """The same event again, at the same time, or the same order under another event's id."""
    outcomes = [one.outcome for one in await asyncio.gather(*(world.deliver(completed()) for _ in range(8)))]
    other = await world.deliver(completed(event_id="evt-2"))

    assert sorted([Outcome.DONE, *[Outcome.DUPLICATE] * 7]) == sorted(outcomes)
    assert Outcome.DONE is other.outcome
    (row,) = await world.tasks.page(None, None, 10)
    assert (row.task_id, row.order_id, row.origin) == ("task-ord-1", "ord-1", "order.completed")
    assert (row.accepted["country"], row.accepted["lines"]) == ("DE", [{"sku": "TEA", "quantity": 3}])


async def test_an_event_that_cannot_be_read_is_dead(world: World) -> None:
    """With the reason; no task."""
    verdict = await world.deliver(completed(customer={"email": "ada@example.org"}))

    assert (Outcome.DEAD, True) == (verdict.outcome, "user_id" in verdict.reason)
    assert [] == list(await world.tasks.page(None, None, 10))


async def test_a_clients_key_is_never_taken_for_an_events(client: Client, world: World) -> None:
    """Whatever a client calls its request, the order gets its task."""
    await post(client, "ord-1")
    await world.deliver(completed())

    assert 2 == len(await world.tasks.page(None, None, 10))


async def test_what_was_accepted_is_started_until_it_is_claimed(world: World) -> None:
    """Each attempt is a run of its own; once claimed there is no other."""
    world.engine.away = True
    await world.deliver(completed())
    async with sweeping(world):

        async def failed_once() -> bool:
            return (await world.row("task-ord-1")).start_error is not None

        await eventually(failed_once)
        world.engine.away = False
        await world.sql("UPDATE tasks SET start_due_at = now()")

        async def started() -> bool:
            return bool(world.engine.started)

        await eventually(started)
    ((workflow, task_id, run_id), *_) = world.engine.started
    assert (TASK_PROCESSING, "task-ord-1", True) == (workflow, task_id, bool(run_id))
    assert await world.tasks.claim(task_id, run_id)
    await world.sql("UPDATE tasks SET start_due_at = now()")
    assert [] == list(await world.tasks.lease_startable(TASK_PROCESSING, 10))


async def test_a_start_without_an_answer_is_not_made_again_meanwhile(world: World) -> None:
    """The call may outlast the lease; another one would wait for the same workflow."""
    world.engine.hangs = True
    await world.accept("task-1")

    def has_started(task_id: str) -> Callable[[], Awaitable[bool]]:
        async def is_among() -> bool:
            return task_id in world.engine.started_ids

        return is_among

    async with sweeping(world) as starter:
        await eventually(has_started("task-1"))
        await world.sql("UPDATE tasks SET start_due_at = now()")
        await world.accept("task-2")
        starter.signal()
        await eventually(has_started("task-2"))

    assert ["task-1", "task-2"] == world.engine.started_ids


async def test_a_task_that_cannot_be_read_keeps_no_other_waiting(world: World) -> None:
    """Its row says why it isn't started."""
    await world.accept("task-1")
    await world.sql("UPDATE tasks SET accepted = '{}'")
    await world.accept("task-2")

    async def is_assigned() -> bool:
        return (await world.row("task-1")).start_error is not None

    async with sweeping(world):
        await eventually(lambda: world.engine.started_ids == ["task-2"])
        await eventually(is_assigned)

    assert "the task's row can't be read: task_id: Field required" in (await world.row("task-1")).start_error


async def test_only_so_many_tasks_run_at_a_time(world: World) -> None:
    """The longest waiting first, whatever counts at the same time; an end makes room for the next one."""
    for number in range(5):
        await world.accept(f"task-{number}")

    leased = await asyncio.gather(*(world.tasks.lease_startable(TASK_PROCESSING, 2) for _ in range(4)))

    started = [row.task_id for rows in leased for row in rows]
    assert ["task-0", "task-1"] == sorted(started)
    assert await world.tasks.claim("task-0", "run-1")
    assert await world.tasks.claim("task-1", "run-1")
    await world.sql("UPDATE tasks SET start_due_at = now()")
    assert [] == list(await world.tasks.lease_startable(TASK_PROCESSING, 2))
    await world.sql("UPDATE tasks SET status = 'completed', ended_at = now() WHERE task_id = 'task-0'")
    (next_one,) = await world.tasks.lease_startable(TASK_PROCESSING, 2)
    assert next_one.task_id in {"task-2", "task-3", "task-4"}


async def test_tasks_that_wait_hold_up_no_other_workflow(world: World) -> None:
    """Each workflow has room of its own: the audit-service is away, say."""
    await world.accept("task-1")
    await world.accept("task-2")
    await world.sql("UPDATE tasks SET workflow = 'task_with_audit' WHERE task_id = 'task-1'")
    assert ["task-1"] == [row.task_id for row in await world.tasks.lease_startable(TASK_WITH_AUDIT, 1)]

    assert ["task-2"] == [row.task_id for row in await world.tasks.lease_startable(TASK_PROCESSING, 1)]


async def test_the_other_workflow_is_started_under_its_name(client: Client, world: World) -> None:
    """`workflow` in the body says which."""
    await post(client, workflow=TASK_WITH_AUDIT)

    async def started() -> bool:
        return bool(world.engine.started)

    await eventually(started)
    assert TASK_WITH_AUDIT == world.engine.started[0][0]


async def test_an_address_that_no_mail_reaches_is_refused_but_not_its_repeat(client: Client, world: World) -> None:
    """The key is looked up first: what older rules accepted keeps its answer."""
    older = {"customer": {"email": "Ada<ada@x.org>", "user_id": "ada"}}
    status, problem = await post(client, "new", **older)
    assert (status, problem["detail"][:16]) == (422, "customer.email: ")

    _, accepted = await post(client, "old")
    hash_then = request_hash(TaskBody.model_validate({**BODY, **older}))
    async with world.database.begin() as tx:
        await tx.execute(update(TASKS).where(TASKS.c.idempotency_key == "old").values(request_hash=hash_then))

    assert await post(client, "old", **older) == (202, accepted)
