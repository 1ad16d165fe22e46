"""The workflow instances of a task: the first has the task's id, each later one a number more."""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Row
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.shop.task import TaskStatus
from shared.workflows.retention import RowPurges
from task_orchestrator_service.tables import TASKS

AGAIN: Final = "-again-"


def instance_id(task_id: str, restarts: int) -> str:
    """The workflow instance that a task has now: an id is never used twice."""
    return f"{task_id}{AGAIN}{restarts}" if restarts else task_id


@dataclass(frozen=True, slots=True)
class OpenTask:
    """A task that hasn't ended."""

    task_id: str
    workflow: str
    status: TaskStatus
    run_id: str | None
    restarts: int

    @property
    def instance_id(self) -> str:
        """Its workflow instance."""
        return instance_id(self.task_id, self.restarts)


class TaskPurges(RowPurges):
    """Hands ended tasks out to one process at a time. Belongs to the event loop of its database."""

    def __init__(self, database: AsyncEngine) -> None:
        super().__init__(database, TASKS)

    def row_of(self, instance_id: str) -> str:
        return instance_id.partition(AGAIN)[0]

    def instances_of(self, row: Row[Any]) -> tuple[str, ...]:
        return tuple(instance_id(row.task_id, number) for number in range(row.restarts + 1))

    def may_run_late(self) -> ColumnElement[bool]:
        # What was begun anew was lost in the middle of something.
        return TASKS.c.restarts > 0
