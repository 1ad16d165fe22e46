"""What the saga needs of a workflow engine. Dapr's workflow context has this shape, and so has the tests' own."""

from collections.abc import Generator
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Task(Protocol):
    """Something that the engine will complete."""

    @property
    def is_complete(self) -> bool: ...

    @property
    def is_failed(self) -> bool: ...

    def get_result(self) -> Any: ...  # noqa: ANN401 - decoded JSON

    def get_exception(self) -> Exception: ...


class WorkflowContext(Protocol):
    """The part of Dapr's `DaprWorkflowContext` that a saga uses."""

    @property
    def instance_id(self) -> str: ...

    @property
    def current_utc_datetime(self) -> datetime: ...

    @property
    def is_replaying(self) -> bool: ...

    def call_activity(
        self,
        activity: str,
        *,
        input: Any = None,  # noqa: A002, ANN401 - the SDK's name; any JSON
        app_id: str | None = None,
    ) -> Any: ...  # noqa: ANN401 - the SDK's task has no common type with the Protocol

    def call_child_workflow(
        self,
        workflow: str,
        *,
        input: Any = None,  # noqa: A002, ANN401 - the SDK's name; any JSON
        instance_id: str | None = None,
        app_id: str | None = None,
        propagation: Any = None,  # noqa: ANN401 - the SDK's scope
    ) -> Any: ...  # noqa: ANN401 - the SDK's task has no common type with the Protocol

    def is_patched(self, patch_name: str) -> bool:
        """False for a run that was past this point before the code that asks was deployed (`docs/upgrading.md`)."""

    def create_timer(self, fire_at: datetime | timedelta) -> Any: ...  # noqa: ANN401

    def wait_for_external_event(self, name: str, *, timeout: datetime | timedelta | None = None) -> Any: ...  # noqa: ANN401


Turns = Generator[Any, Any, T]
"""A part of a workflow: yields tasks to the engine, returns a T."""

Branch = Generator[list[Task], None, T]
"""A part of a saga that can run beside others: yields the tasks of which any one lets it go on."""
