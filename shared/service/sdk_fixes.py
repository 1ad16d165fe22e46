"""How the SDK runs a workflow's turn here: behind the gate that keeps poison out, and with a fix until it has it.

A workflow can be paused twice, and resumed twice. The SDK buffers a second pause, with all other events, until the
resume. The resume takes the buffered events up one by one, and the pause appends each of them to the same list again.
The turn never ends, and the service's memory grows until the service dies, and again after its restart. A resume of a
running workflow makes it fail, as an event that the SDK can't handle. Here neither changes anything (docs/upstream.md).
"""

from collections.abc import Sequence
from typing import Any

from dapr.ext.workflow._durabletask import worker
from dapr.ext.workflow._durabletask.internal import protos as pb
from dapr.ext.workflow._durabletask.worker import ExecutionResults, _OrchestrationExecutor

from shared.participant.in_flight import Work
from shared.participant.quarantine import Gate


# Works around `repeated-pause` (docs/upstream.md).
class PatientExecutor(_OrchestrationExecutor):
    """Runs a workflow's turn."""

    def process_event(self, ctx: Any, event: pb.HistoryEvent) -> None:  # noqa: ANN401 - private to the SDK
        """Take up the event, unless it is a pause of a paused workflow or a resume of a running one."""
        kind = event.WhichOneof("eventType")
        repeated = "executionSuspended" if self._is_suspended else "executionResumed"
        if kind != repeated:
            super().process_event(ctx, event)


def run_turns_behind(gate: Gate) -> None:
    """Let the SDK's workers of this process run their turns by `PatientExecutor`, each as it passes the gate.

    A workflow that is quarantined fails.
    """

    class GatedExecutor(PatientExecutor):
        def execute(
            self,
            instance_id: str,
            old_events: Sequence[pb.HistoryEvent],
            new_events: Sequence[pb.HistoryEvent],
            propagated_history: Any = None,  # noqa: ANN401 - private to the SDK
        ) -> ExecutionResults:
            workflow = _name_of(old_events) or _name_of(new_events)
            with gate.passed_blocking(Work.of(instance_id, workflow, workflow)):
                return super().execute(instance_id, old_events, new_events, propagated_history)

    vars(worker)["_OrchestrationExecutor"] = GatedExecutor


def _name_of(events: Sequence[pb.HistoryEvent]) -> str:
    """Of the workflow; its history begins with it."""
    return next((event.executionStarted.name for event in events[:3] if event.HasField("executionStarted")), "")
