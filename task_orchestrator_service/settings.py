"""What the task-orchestrator-service reads from its environment."""

from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from shared.contracts.contract import TASK_SECONDS
from shared.events.consuming import ConsumerSettings
from task_orchestrator_service.rules import Team

Name = Annotated[str, Field(min_length=1, max_length=100)]
Names = Annotated[tuple[Name, ...], NoDecode, Field(min_length=1)]


class TaskSettings(ConsumerSettings):
    """A consumer of events behind a sidecar, with who packs, and how long workflows are kept.

    `task_packers`, `task_inspectors`: names with commas between them. `task_inspection_score`: from this fraud score on
    an order is inspected before it is packed. `task_patience_seconds`: how long a task tries each call of an activity
    of another app. `task_concurrency`: so many tasks of each workflow run at a time. `task_lost_seconds`: a task has
    failed whose workflow the engine has not known for so long. `task_silent_seconds`: a task is begun anew whose
    workflow has taken no event for so long. `shop_mail_utf8`: the mail server takes addresses with letters beyond ASCII
    before the @ (SMTPUTF8).
    """

    task_packers: Names = ("packer-1", "packer-2", "packer-3")
    task_inspectors: Names = ("inspector-1",)
    task_inspection_score: float = Field(default=0.5, ge=0, le=1)
    task_patience_seconds: float = Field(default=TASK_SECONDS, gt=0)
    task_concurrency: int = Field(default=16, ge=1)
    task_lost_seconds: float = Field(default=60.0, gt=0)
    task_silent_seconds: float = Field(default=120.0, gt=0)
    shop_mail_utf8: bool = False
    shop_workflow_retention_seconds: float = Field(default=3600.0, gt=0)
    shop_late_result_seconds: float = Field(default=86_400.0, gt=0)

    @field_validator("task_packers", "task_inspectors", mode="before")
    @classmethod
    def _names(cls, value: object) -> object:
        return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value

    @property
    def team(self) -> Team:
        """Who packs."""
        return Team(self.task_packers, self.task_inspectors, self.task_inspection_score)
