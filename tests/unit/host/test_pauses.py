"""A workflow that is paused or resumed more than once."""

import logging
from collections.abc import Generator
from typing import Any

import pytest
from dapr.ext.workflow import DaprWorkflowContext, WorkflowRuntime
from dapr.ext.workflow._durabletask import worker
from dapr.ext.workflow._durabletask.internal import helpers
from dapr.ext.workflow._durabletask.internal import protos as pb
from dapr.ext.workflow._durabletask.worker import _is_suspendable, _OrchestrationExecutor

from shared.participant.quarantine import Gate
from shared.service.sdk_fixes import PatientExecutor, run_turns_behind

PAUSE = helpers.new_suspend_event()
RESUME = helpers.new_resume_event()
FIRST = helpers.new_event_raised_event("first", '"one"')
SECOND = helpers.new_event_raised_event("second", '"two"')


def ended(executor: type[_OrchestrationExecutor], *events: pb.HistoryEvent) -> pb.CompleteWorkflowAction:
    """How the workflow ends after these events."""

    def waiting(ctx: DaprWorkflowContext, _: None) -> Generator[Any, Any, str]:
        first = yield ctx.wait_for_external_event("first")
        second = yield ctx.wait_for_external_event("second")
        return f"{first} {second}"

    runtime = WorkflowRuntime()
    runtime.register_workflow(waiting)
    registry = runtime._WorkflowRuntime__worker._registry  # type: ignore[attr-defined] # noqa: SLF001
    begin = [helpers.new_workflow_started_event(), helpers.new_execution_started_event("waiting", "an-id", None)]
    executed = executor(registry, logging.getLogger("test")).execute("an-id", [], [*begin, *events])
    [action] = executed.actions
    return action.completeWorkflow


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "events",
    [
        (PAUSE, PAUSE, FIRST, SECOND, RESUME),
        (PAUSE, FIRST, PAUSE, SECOND, RESUME, RESUME),
        (RESUME, FIRST, RESUME, SECOND),
        (PAUSE, FIRST, RESUME, PAUSE, SECOND, RESUME),
    ],
)
def test_it_goes_on_with_what_came_meanwhile(events: tuple[pb.HistoryEvent, ...]) -> None:
    """In the order in which it came."""
    assert '"one two"' == ended(PatientExecutor, *events).result.value


def test_every_service_of_the_shop_takes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_OrchestrationExecutor", _OrchestrationExecutor)
    run_turns_behind(Gate())

    assert issubclass(vars(worker)["_OrchestrationExecutor"], PatientExecutor)


def test_the_sdk_still_takes_neither() -> None:
    """If this fails, the SDK is fixed, and `PatientExecutor` may go."""
    assert _is_suspendable(PAUSE)
    assert "executionResumed" in ended(_OrchestrationExecutor, RESUME).failureDetails.errorMessage
