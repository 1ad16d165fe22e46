"""Lets a workflow be paused, and resumed, more than once.

The SDK (1.19.0) takes neither. A second pause is put aside, with all other events, until the resume; that takes them up
again one by one, and the pause puts each of them aside once more, in the very list that is being gone through: the turn
never ends, and the service's memory grows until the service dies, and again after its restart. A resume makes a
workflow that runs fail, as an event that the SDK doesn't know how to handle. Here neither changes anything.
"""

from typing import Any

from dapr.ext.workflow._durabletask import worker
from dapr.ext.workflow._durabletask.internal import protos as pb
from dapr.ext.workflow._durabletask.worker import _OrchestrationExecutor


class PatientExecutor(_OrchestrationExecutor):
    """Runs a workflow's turn."""

    def process_event(self, ctx: Any, event: pb.HistoryEvent) -> None:  # noqa: ANN401 - private to the SDK
        """Take up the event, unless it is a pause of a paused workflow or a resume of a running one."""
        kind = event.WhichOneof("eventType")
        repeated = "executionSuspended" if self._is_suspended else "executionResumed"
        if kind != repeated:
            super().process_event(ctx, event)


def take_repeated_pauses() -> None:
    """Let the SDK's workers of this process run their turns by `PatientExecutor`."""
    vars(worker)["_OrchestrationExecutor"] = PatientExecutor
