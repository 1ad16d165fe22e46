"""Fixes of the SDK, until it has them: docs/upstream.md says which, and when each goes.

A workflow can be paused twice, and resumed twice. The SDK buffers a second pause, with all other events, until the
resume. The resume takes the buffered events up one by one, and the pause appends each of them to the same list again.
The turn never ends, and the service's memory grows until the service dies, and again after its restart. A resume of a
running workflow makes it fail, as an event that the SDK can't handle. Here neither changes anything.
"""

from typing import Any

from dapr.ext.workflow._durabletask import worker
from dapr.ext.workflow._durabletask.internal import protos as pb
from dapr.ext.workflow._durabletask.worker import _OrchestrationExecutor


# Works around `repeated-pause` (docs/upstream.md).
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
