"""A task's workflow is purged when it has long ended, and later if one of its activities may still run."""

from typing import Any

import pytest

from shared.contracts.timeline import StepKind, StepOutcome, StepRecord, Timeline
from shared.shop.task import CloseTask, TaskStatus
from shared.workflows.retention import Ended
from task_orchestrator_service.runs import TaskPurges
from tests.integration.tasks.world import World


async def ended(world: World, outcome: StepOutcome, hours_ago: int) -> str:
    step: dict[str, Any] = {"name": "send_email", "app_id": "n", "kind": StepKind.DO, "outcome": outcome, "attempts": 1}
    record = StepRecord.model_validate({**step, "started_at": "2026-01-01T00:00:00Z"})
    task_id = await world.claimed()
    end = CloseTask(
        run_id="run-1", timeline=Timeline(version=9, steps=(record,)), status=TaskStatus.FAILED, reason="it broke"
    )
    await world.tasks.close(task_id, end)
    await world.sql(f"UPDATE tasks SET ended_at = now() - interval '{hours_ago} hours'")
    return task_id


@pytest.mark.parametrize(
    ("outcome", "hours_ago", "is_due"),
    [
        (StepOutcome.DONE, 2, True),
        (StepOutcome.DONE, 0, False),
        (StepOutcome.REFUSED, 2, True),
        (StepOutcome.UNKNOWN, 2, False),
        (StepOutcome.UNKNOWN, 25, True),
    ],
)
async def test_when_a_workflow_is_purged(world: World, outcome: StepOutcome, hours_ago: int, *, is_due: bool) -> None:
    """After an hour, or a day where a late result may still come; once."""
    task_id = await ended(world, outcome, hours_ago)
    purges = TaskPurges(world.database)

    assert ([Ended(task_id, (task_id,))] if is_due else []) == (await purges.due(3600, 86_400)).ended
    assert [] == (await purges.due(3600, 86_400)).ended
    await purges.purged([task_id])
    assert {task_id} == await purges.already_purged([task_id, "task-2"])
