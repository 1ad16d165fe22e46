"""Recorded histories of workflows as the real engine kept them, and their replay by the SDK's own machinery.

A workflow that is running when a new version is deployed is replayed by the new code against its history so far. If the
new code asks for something else than the history says, the engine fails the workflow, and no compensation runs.
"""

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from dapr.ext.workflow import WorkflowRuntime
from dapr.ext.workflow._durabletask.internal import protos as pb
from dapr.ext.workflow._durabletask.worker import _OrchestrationExecutor
from google.protobuf.json_format import MessageToDict, ParseDict

UNUSED: Final = ("stackTrace", "parentTraceContext")
"""Of no use to a replay; a stack trace names folders of the machine that recorded it."""


class HistoryMismatchError(Exception):
    """Today's code would break a workflow that is running on this history."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One workflow's history, oldest event first."""

    name: str
    version: str
    instance_id: str
    events: tuple[pb.HistoryEvent, ...]

    @property
    def id(self) -> str:
        return f"{self.version}/{self.name}"

    @property
    def result(self) -> str | None:
        """The workflow's result as JSON; None if it had not ended."""
        ended = [event.executionCompleted for event in self.events if event.HasField("executionCompleted")]
        return str(ended[-1].result.value) if ended else None


def recordings(folder: Path) -> Iterator[Recording]:
    """All recordings of all versions below the folder."""
    for file in sorted(folder.glob("*/*.json")):
        content = json.loads(file.read_text())
        events = tuple(ParseDict(event, pb.HistoryEvent()) for event in content["events"])  # type: ignore[no-untyped-call]
        yield Recording(file.stem, file.parent.name, content["instance_id"], events)


def write(folder: Path, name: str, instance_id: str, events: Sequence[pb.HistoryEvent]) -> Path:
    """Write a recording, one event a line."""
    file = folder / f"{name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(json.dumps(_as_json(event), ensure_ascii=False) for event in events)
    file.write_text(f'{{"instance_id": {json.dumps(instance_id)}, "events": [\n{lines}\n]}}\n')
    return file


def replay(recording: Recording, workflow_name: str, workflow: Callable[..., Any]) -> None:
    """Let today's code run against a recorded history, as a worker does.

    Raises:
        HistoryMismatchError: it asks for other tasks, timers or events than the history says, or ends otherwise.
    """
    *old, last = recording.events
    executed = _executor(workflow_name, workflow).execute(recording.instance_id, old, [last])
    results = [action.completeWorkflow for action in executed.actions if action.HasField("completeWorkflow")]
    for result in results:
        if result.HasField("failureDetails"):
            raise HistoryMismatchError(f"{recording.id}: {result.failureDetails.errorMessage}")
    ended = results[-1].result.value if results else None
    if ended != recording.result:
        raise HistoryMismatchError(f"{recording.id}: it ended with {recording.result}, and now with {ended}")
    if len(executed.actions) != len(results):
        raise HistoryMismatchError(f"{recording.id}: it now asks for more than it did: {executed.actions}")


def begin(recording: Recording, workflow_name: str, workflow: Callable[..., Any]) -> tuple[str, ...]:
    """Let today's code take the first turn of a recorded workflow as if it began now; the patches that it notes."""
    executed = _executor(workflow_name, workflow).execute(recording.instance_id, [], recording.events[:2])
    return tuple(executed.patches or ())


def noting(patches: Sequence[str], recording: Recording) -> Recording:
    """The same history, with these patches noted in its first turn, where the engine keeps them."""
    first, *others = recording.events
    noted = pb.HistoryEvent()
    noted.CopyFrom(first)  # type: ignore[no-untyped-call]
    noted.workflowStarted.version.patches.extend(patches)
    return replace(recording, events=(noted, *others))


def _executor(workflow_name: str, workflow: Callable[..., Any]) -> _OrchestrationExecutor:
    runtime = WorkflowRuntime()
    runtime.register_workflow(workflow, name=workflow_name)
    # No public API replays a history.
    registry = runtime._WorkflowRuntime__worker._registry  # type: ignore[attr-defined] # noqa: SLF001
    return _OrchestrationExecutor(registry, logging.getLogger("replay"))


def _as_json(event: pb.HistoryEvent) -> dict[str, Any]:
    useful: dict[str, Any] = _useful(MessageToDict(event))  # type: ignore[no-untyped-call]
    return useful


def _useful(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        return {name: _useful(inner) for name, inner in value.items() if name not in UNUSED}
    if isinstance(value, list):
        return [_useful(inner) for inner in value]
    return value
