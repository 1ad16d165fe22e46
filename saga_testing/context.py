"""What a workflow sees of the in-memory engine.

It completes the SDK's own task classes, so that `when_any`, timeouts and failures behave as on the real engine: events
that come before anybody waits for them are kept, and a wait that timed out no longer takes any.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from dapr.ext.workflow._durabletask import task as sdk
from dapr.ext.workflow._durabletask.internal import protos as pb

SAGA_ID: Final = "ord-1"
START: Final = datetime(2026, 1, 1)  # noqa: DTZ001 - the engine's time is naive UTC


@dataclass(frozen=True, slots=True)
class Called:
    """One call that the workflow made."""

    activity: str
    app_id: str | None
    envelope: Mapping[str, Any]
    at_seconds: float
    instance_id: str | None = None
    """Of a child workflow; `activity` is its name, and the envelope its input."""

    @property
    def label(self) -> str:
        attempt = self.envelope["attempt"] if self.instance_id is None else 1
        return self.activity if attempt == 1 else f"{self.activity}#{attempt}"


@dataclass(frozen=True, slots=True)
class Happened:
    """One event of the workflow's history."""

    at: datetime
    kind: str
    task: int = 0
    name: str = ""
    payload: object = None
    message: str = ""


class Context:
    """What the workflow sees of the engine; remembers what it asked for."""

    instance_id: str = SAGA_ID

    def __init__(self, patches: Iterable[str] = ()) -> None:
        """A run whose history notes these patches."""
        self.current_utc_datetime = START
        self.is_replaying = False
        self.calls: list[Called] = []
        self.timers: list[float] = []
        self.asked: list[str] = []
        self.patches: dict[str, bool] = dict.fromkeys(patches, True)
        """What was answered about each patch: the first answer counts for the run."""
        self.tasks: dict[int, sdk.CompletableTask[Any]] = {}
        self.on_call: Callable[[int, Called], None] = lambda *_: None
        self.on_timer: Callable[[int, datetime], None] = lambda *_: None
        self._waiting: dict[str, deque[sdk.CompletableTask[Any]]] = defaultdict(deque)
        self._kept: dict[str, deque[object]] = defaultdict(deque)

    def call_activity(self, activity: str, *, input: Any = None, app_id: str | None = None) -> Any:  # noqa: A002, ANN401
        number, task = self._task(_new_task(), f"call {activity} {input}")
        called = Called(activity, app_id, input, seconds_since_start(self.current_utc_datetime))
        self.calls.append(called)
        self.on_call(number, called)
        return task

    def call_child_workflow(
        self,
        workflow: str,
        *,
        input: Any = None,  # noqa: A002, ANN401
        instance_id: str | None = None,
        app_id: str | None = None,
        propagation: Any = None,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        number, task = self._task(_new_task(), f"child {workflow} {input} {propagation}")
        moment = seconds_since_start(self.current_utc_datetime)
        called = Called(workflow, app_id, input, moment, instance_id or f"{self.instance_id}:{number:04}")
        self.calls.append(called)
        self.on_call(number, called)
        return task

    def is_patched(self, patch_name: str) -> bool:
        return self.patches.setdefault(patch_name, not self.is_replaying)

    def create_timer(self, fire_at: datetime | timedelta) -> Any:  # noqa: ANN401
        moment = self.current_utc_datetime + fire_at if isinstance(fire_at, timedelta) else fire_at
        number, task = self._task(sdk.TimerTask(), f"timer {moment}")
        self.timers.append(seconds_since_start(moment))
        self.on_timer(number, moment)
        return task

    def wait_for_external_event(self, name: str, *, timeout: datetime | timedelta | None = None) -> Any:  # noqa: ANN401
        event: sdk.CompletableTask[Any] = _new_task()
        self.asked.append(f"wait {name}")
        if self._kept[name]:
            event.complete(self._kept[name].popleft())
            return event
        self._waiting[name].append(event)
        if timeout is None:
            return event
        timer = self.create_timer(timeout)
        return sdk.ExternalEventWithTimeoutTask(
            event, timer, name, timeout, on_timeout=lambda: self._waiting[name].remove(event)
        )

    def happen(self, event: Happened) -> None:
        """Complete what waits for this event, as the engine does at the start of a turn."""
        self.current_utc_datetime = max(self.current_utc_datetime, event.at)
        if event.kind == "raised":
            if self._waiting[event.name]:
                self._waiting[event.name].popleft().complete(event.payload)
            else:
                self._kept[event.name].append(event.payload)
        elif event.kind == "failed":
            details = pb.TaskFailureDetails(errorType=event.name, errorMessage=event.message)
            self.tasks[event.task].fail(event.message, details)
        else:
            self.tasks[event.task].complete(event.payload)

    def _task(self, task: sdk.CompletableTask[Any], asked: str) -> tuple[int, sdk.CompletableTask[Any]]:
        number = len(self.tasks)
        self.tasks[number] = task
        self.asked.append(asked)
        return number, task


def seconds_since_start(moment: datetime) -> float:
    """Virtual seconds since the workflow began."""
    return (moment - START).total_seconds()


def _new_task() -> sdk.CompletableTask[Any]:
    return sdk.CompletableTask()  # type: ignore[no-untyped-call] # the SDK's own
