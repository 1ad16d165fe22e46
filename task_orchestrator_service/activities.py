"""The task workflows' local activities: each changes the task's row in one transaction, and can be repeated."""

from shared.participant.activities import ActivityHost, Call
from shared.shop.task import (
    ASSIGN_TASK,
    CLOSE_TASK,
    VALIDATE_TASK,
    AssignTask,
    CloseTask,
    TaskAssigned,
    TaskClosed,
    TaskValidated,
    ValidateTask,
)
from task_orchestrator_service.rules import Team
from task_orchestrator_service.store import TaskStore


def serve_task_activities(host: ActivityHost, tasks: TaskStore, team: Team) -> None:
    """Serve the task-orchestrator-service's contracts over `tasks`."""

    async def validate_task(call: Call[ValidateTask]) -> TaskValidated:
        task_id, run_id = call.key.saga_id, call.request.run_id
        claimed = await tasks.claim(task_id, run_id)
        if claimed:
            await tasks.validate(task_id, run_id)
        return TaskValidated(claimed=claimed, run_id=run_id)

    async def assign_task(call: Call[AssignTask]) -> TaskAssigned:
        return await tasks.assign(call.key.saga_id, call.request, team)

    async def close_task(call: Call[CloseTask]) -> TaskClosed:
        return await tasks.close(call.key.saga_id, call.request)

    host.serve(VALIDATE_TASK, validate_task)
    host.serve(ASSIGN_TASK, assign_task)
    host.serve(CLOSE_TASK, close_task)
