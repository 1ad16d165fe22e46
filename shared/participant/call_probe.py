"""A call that proves its way and does nothing: the doctor's question whether one app reaches another's activities.

It goes the way of a real call (this app's workflow, access policy, dispatch, the other app's worker and its registry),
and is answered by the host of the activity before anything of the service sees it.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from dapr.ext.workflow import DaprWorkflowContext, TaskFailedError, when_any
from pydantic import BaseModel, ConfigDict

from shared.participant.errors import MessageRejectedError
from shared.saga.context import Task, Turns

PROBE_CALLS: Final = "probe_calls"
"""Each app that calls others has this workflow beside its own, for `shop doctor`."""

PROBE: Final = {"probe": True}
"""What is sent instead of a call; a host that doesn't know it can't read it, which proves the way as well."""
PROBE_SECONDS: Final = 5.0
UNANSWERED: Final = TimeoutError.__name__
UNREADABLE: Final = MessageRejectedError.__name__


class ProbedCall(BaseModel):
    """An activity of an app, and what came of a probe: `error` is None if it answered."""

    model_config = ConfigDict(frozen=True)

    app_id: str
    activity: str
    error_type: str | None = None
    error: str | None = None


class CallProbe(BaseModel):
    """Input and output of the workflow `probe_calls`."""

    model_config = ConfigDict(frozen=True)

    calls: tuple[ProbedCall, ...]


def is_probe(envelope: object) -> bool:
    """Whether this is a probe and no call."""
    return isinstance(envelope, Mapping) and envelope.get("probe") is True


def probe_calls(ctx: DaprWorkflowContext, request: dict[str, Any]) -> Turns[dict[str, Any]]:
    """Probe every call of the request at once, for five seconds at most, and report the result of each."""
    calls = CallProbe.model_validate(request).calls
    tasks: list[Task] = [ctx.call_activity(call.activity, input=PROBE, app_id=call.app_id) for call in calls]
    end: Task = ctx.create_timer(timedelta(seconds=PROBE_SECONDS))
    while not end.is_complete and (open_tasks := [task for task in tasks if not task.is_complete]):
        yield when_any([*open_tasks, end])  # type: ignore[list-item] # the SDK's own tasks, seen as Task
    probed = tuple(_answered(call, task) for call, task in zip(calls, tasks, strict=True))
    return CallProbe(calls=probed).model_dump(mode="json")


def _answered(call: ProbedCall, task: Task) -> ProbedCall:
    if not task.is_complete:
        return call.model_copy(update={"error_type": UNANSWERED, "error": f"no answer within {PROBE_SECONDS:.0f} s"})
    if not task.is_failed:
        return call
    exception = task.get_exception()
    if not isinstance(exception, TaskFailedError):
        raise exception
    if exception.details.error_type == UNREADABLE:
        return call
    return call.model_copy(update={"error_type": exception.details.error_type, "error": exception.details.message})
