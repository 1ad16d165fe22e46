"""Tasks whose workflow doesn't go on come to an end: they fail if it is gone, and are begun anew if it is broken."""

import pytest

from shared.participant.errors import Refused
from shared.shop.task import TASK_PROCESSING, TASK_WITH_AUDIT, AssignTask
from shared.workflows.client import Instance, InstanceStatus
from shared.workflows.retention import Ended
from task_orchestrator_service.lost import MOST_RESTARTS, LostTasks, Patience
from task_orchestrator_service.runs import TaskPurges
from tests.integration.tasks.world import RUNNING, TEAM, World, sweeping
from tests.waiting import eventually


@pytest.fixture
def watch(world: World) -> LostTasks:
    return LostTasks(world.tasks, world.engine, Patience(gone_seconds=60, silent_seconds=60))


async def old_task(world: World) -> str:
    """In progress for an hour, with an order and an assignee."""
    task_id = await world.claimed(order_id="ord-1")
    await world.tasks.validate(task_id, "run-1")
    await world.assign(task_id)
    await world.sql("UPDATE tasks SET accepted_at = now() - interval '1 hour'")
    world.engine.instances[task_id] = RUNNING
    return task_id


async def confirm(world: World, watch: LostTasks) -> None:
    """Look, and once more when the patience is over."""
    await watch.sweep()
    await world.sql("UPDATE tasks SET seen_lost_at = seen_lost_at - interval '2 minutes'")
    await watch.sweep()


async def begun_anew(world: World) -> str:
    """The run that has the task once the starter has begun it anew."""

    async def started() -> bool:
        return bool(world.engine.started)

    async with sweeping(world):
        await eventually(started)
    workflow, instance_id, run_id = world.engine.started.pop()
    world.engine.started.clear()
    assert (TASK_PROCESSING, (await world.row()).restarts) == (workflow, int(instance_id.removeprefix("task-1-again-")))
    assert await world.tasks.claim("task-1", run_id)
    return run_id


async def test_a_task_whose_workflow_is_gone_fails_with_a_reason(world: World, watch: LostTasks) -> None:
    """Not on one look, and not while the engine is away or has it."""
    task_id = await old_task(world)

    await watch.sweep()
    world.engine.away = True
    await watch.sweep()
    assert (await world.row()).seen_lost_at is None
    world.engine.away = False
    world.engine.instances[task_id] = Instance(InstanceStatus.TERMINATED)
    await watch.sweep()
    assert (await world.row()).status == "in_progress"
    await confirm(world, watch)

    row = await world.row()
    assert (row.status, row.assignee, row.restarts) == ("failed", None, 0)
    assert "its workflow is terminated" in row.reason
    assert (await world.close(task_id)).status == "failed"


async def test_a_task_whose_workflow_takes_no_event_is_begun_anew(world: World, watch: LostTasks) -> None:
    """Under another instance id; it keeps its order and its assignee, and the lost run can change nothing any more."""
    task_id = await old_task(world)
    assignee = (await world.row()).assignee
    world.engine.silent.add(task_id)

    await watch.sweep()
    assert (await world.row()).status == "in_progress"
    await confirm(world, watch)
    row = await world.row()
    assert (row.status, row.run_id, row.restarts, row.assignee) == ("accepted", None, 1, assignee)
    assert [] == await world.contradictions()
    run_id = await begun_anew(world)

    await world.tasks.validate(task_id, run_id)
    assert (await world.assign(task_id, run_id=run_id)).assignee == assignee
    with pytest.raises(Refused, match="took it over"):
        await world.tasks.assign(task_id, AssignTask(run_id="run-1", fraud_score=0.1), TEAM)
    assert not (await world.close(task_id, run_id="run-1")).owned
    assert (await world.close(task_id, run_id=run_id)).status == "completed"
    assert [] == await world.contradictions()


async def test_a_task_whose_workflow_cannot_be_read_is_begun_anew(world: World, watch: LostTasks) -> None:
    """For a moment that is so while a turn is being saved: only when it stays so."""
    task_id = await old_task(world)
    world.engine.unreadable.add(task_id)
    await watch.sweep()
    assert (await world.row()).restarts == 0

    await confirm(world, watch)
    run_id = await begun_anew(world)

    assert (await world.close(task_id, run_id=run_id)).status == "completed"


async def test_a_task_whose_workflow_has_failed_is_begun_anew(world: World, watch: LostTasks) -> None:
    """Our workflows catch what can fail: it was the engine, whose sidecar was killed, or a fault that is mended."""
    task_id = await old_task(world)
    world.engine.instances[task_id] = Instance(InstanceStatus.FAILED)

    await confirm(world, watch)
    run_id = await begun_anew(world)

    assert (await world.close(task_id, run_id=run_id)).status == "completed"


async def test_a_workflow_that_takes_the_event_is_left_alone(world: World, watch: LostTasks) -> None:
    """And isn't asked at every sweep: each event is a line of its history."""
    task_id = await old_task(world)
    world.engine.silent.add(task_id)
    await watch.sweep()
    world.engine.silent.clear()

    await confirm(world, watch)

    row = await world.row()
    assert (row.status, row.seen_lost_at, row.restarts) == ("in_progress", None, 0)
    assert [task_id] * 2 == world.engine.asked


async def test_a_task_whose_first_turn_was_lost_is_begun_anew(world: World, watch: LostTasks) -> None:
    """No run has claimed it, and the engine says that it has one: the starter alone would try for ever."""
    await world.accept()
    await world.sql(
        "UPDATE tasks SET accepted_at = now() - interval '1 hour', start_due_at = now() + interval '1 hour'"
    )
    world.engine.instances["task-1"] = RUNNING
    world.engine.silent.add("task-1")

    await confirm(world, watch)
    run_id = await begun_anew(world)

    assert (await world.close("task-1", run_id=run_id)).status == "completed"


async def test_a_task_that_waits_for_its_first_run_is_not_lost(world: World, watch: LostTasks) -> None:
    """The engine doesn't know its workflow yet."""
    await world.accept()
    await world.sql("UPDATE tasks SET accepted_at = now() - interval '1 hour'")

    await confirm(world, watch)

    row = await world.row()
    assert (row.status, row.seen_lost_at) == ("accepted", None)
    assert [] == await world.tasks.open(0, 10)


async def test_a_task_that_is_lost_time_and_again_fails_in_the_end(world: World, watch: LostTasks) -> None:
    """With a reason, and nothing held."""
    task_id = await old_task(world)
    world.engine.silent.update([task_id, *(f"{task_id}-again-{number + 1}" for number in range(MOST_RESTARTS))])
    for _ in range(MOST_RESTARTS):
        await confirm(world, watch)
        await begun_anew(world)

    await confirm(world, watch)

    row = await world.row()
    assert (row.status, row.restarts, row.assignee) == ("failed", MOST_RESTARTS, None)
    assert "its workflow takes no event" in row.reason
    assert [] == await world.contradictions()


async def test_a_run_that_found_the_task_taken_is_followed_by_another(world: World, watch: LostTasks) -> None:
    """The lost run wasn't lost, claimed the task once more, and was lost then."""
    task_id = await old_task(world)
    world.engine.silent.add(task_id)
    await confirm(world, watch)
    assert await world.tasks.claim(task_id, "run-1")
    world.engine.instances["task-1-again-1"] = Instance(InstanceStatus.COMPLETED)

    await confirm(world, watch)

    assert (await world.row()).restarts == 2


async def test_an_audit_is_never_begun_anew(world: World, watch: LostTasks) -> None:
    """It waits for the audit-service as long as that takes, and may take no event meanwhile."""
    task_id = await old_task(world)
    await world.sql(f"UPDATE tasks SET workflow = '{TASK_WITH_AUDIT}'")
    world.engine.silent.add(task_id)

    await confirm(world, watch)

    assert (await world.row()).restarts == 0
    assert [] == world.engine.asked


async def test_all_runs_of_a_task_are_purged(world: World, watch: LostTasks) -> None:
    """Late: the lost one may still have an activity under way."""
    task_id = await old_task(world)
    world.engine.silent.add(task_id)
    await confirm(world, watch)
    await world.close(task_id, run_id=await begun_anew(world))
    purges = TaskPurges(world.database)
    await world.sql("UPDATE tasks SET ended_at = now() - interval '2 hours'")
    assert [] == (await purges.due(3600, 86_400)).ended
    await world.sql("UPDATE tasks SET purge_due_at = purge_due_at - interval '23 hours'")

    assert [Ended(task_id, (task_id, f"{task_id}-again-1"))] == (await purges.due(3600, 86_400)).ended
    assert task_id == purges.row_of(f"{task_id}-again-1")
