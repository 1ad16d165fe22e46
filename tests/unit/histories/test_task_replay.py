"""Tasks that were running when this version is deployed go on: their recorded histories replay against today's code."""

from collections.abc import Callable
from typing import Any, Final

import pytest
from dapr.ext.workflow import DaprWorkflowContext

from saga_testing.recorded import HistoryMismatchError, Recording, begin, noting, recordings, replay
from shared.saga.context import Turns
from shared.shop.task import TASK_PROCESSING, TASK_WITH_AUDIT, AcceptedTask
from task_orchestrator_service.workflow import PAID_MEANS_PACKED, task_workflows_shown_to
from tests.histories import TASKS_FOLDER

pytestmark = pytest.mark.unit

RECORDINGS: Final = list(recordings(TASKS_FOLDER))
FAILED_THEN: Final = {"unscored", "unscored_after_retries", "mail_refused", "push_gave_up"}


def made(name: str) -> Callable[..., Any]:
    """Anew each time: the SDK registers a function once."""
    return task_workflows_shown_to(None)[name]


def workflow_of(recording: Recording) -> str:
    return TASK_WITH_AUDIT if recording.name == "audited" else TASK_PROCESSING


def by_id(recording: Recording) -> str:
    return recording.id


@pytest.mark.parametrize("recording", RECORDINGS, ids=by_id)
def test_a_recorded_task_replays(recording: Recording) -> None:
    name = workflow_of(recording)

    replay(recording, name, made(name))


def swapped(name: str) -> Callable[..., Any]:
    """The workflow with its first two steps swapped."""
    swap = {"validate_task": "assign_task", "assign_task": "validate_task"}

    real = made(name)

    class Swapped:
        def __init__(self, inner: DaprWorkflowContext) -> None:
            self._inner = inner

        def __getattr__(self, attribute: str) -> Any:  # noqa: ANN401 - whatever it has
            return getattr(self._inner, attribute)

        def call_activity(self, activity: str, **more: Any) -> Any:  # noqa: ANN401 - as the SDK's
            return self._inner.call_activity(swap.get(activity, activity), **more)

    def workflow(ctx: DaprWorkflowContext, task: AcceptedTask) -> Turns[dict[str, Any]]:
        turns: Turns[dict[str, Any]] = real(Swapped(ctx), task)
        return turns

    return workflow


@pytest.mark.parametrize("recording", RECORDINGS, ids=by_id)
def test_a_swap_is_noticed(recording: Recording) -> None:
    name = workflow_of(recording)

    with pytest.raises(HistoryMismatchError, match="history mismatch"):
        replay(recording, name, swapped(name))


@pytest.mark.parametrize("recording", [one for one in RECORDINGS if one.name in FAILED_THEN], ids=by_id)
def test_a_task_that_failed_then_would_be_packed_now(recording: Recording) -> None:
    """A run that has noted the change goes on where one of before ends."""
    with pytest.raises(HistoryMismatchError):
        replay(noting([PAID_MEANS_PACKED], recording), TASK_PROCESSING, made(TASK_PROCESSING))


def test_a_task_without_trouble_notes_no_change() -> None:
    """Only where the new way differs is it asked for, so that a task under way has its benefit, too."""
    [completed] = [one for one in RECORDINGS if one.name == "completed"]

    assert begin(completed, TASK_PROCESSING, made(TASK_PROCESSING)) == ()


def test_there_are_recordings() -> None:
    assert {one.name for one in RECORDINGS} >= {"completed", "audited", "retried", "unassigned", *FAILED_THEN}
