"""A service's side of the workflow engine: start workflows, look after them, ask whether they go on, remove them."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol, TypeVar

import grpc
from dapr.ext.workflow.aio import DaprWorkflowClient
from dapr.ext.workflow.logger import LoggerOptions
from dapr.ext.workflow.workflow_state import WorkflowState

from shared.contracts.message import Message

T = TypeVar("T")

# Works around `call-without-limit` (docs/upstream.md).
CALL_SECONDS: Final = 15.0
"""A sidecar without a worker blocks such a call for as long as it likes."""

# Works around `failing-read` (docs/upstream.md).
READS: Final = 4
READ_AGAIN_SECONDS: Final = 0.2
"""Under load a read of a workflow's state fails now and then with UNKNOWN."""

_MISSING: Final = "missing from state store"

# Works around `lost-turn` (docs/upstream.md).
PROBE_SIGNAL: Final = "nudge"
"""Nobody waits for it: it only makes the engine take a turn of the workflow."""

AGAIN_SECONDS: Final = 300.0
"""A workflow that took the event is asked again after so long: each event is a turn, and a line of its history."""


class EngineAwayError(Exception):
    """The workflow engine did not take the call; it may still have acted on it."""


class NoAnswerError(EngineAwayError):
    """The engine said neither yes nor no within `CALL_SECONDS`."""


# Works around `lost-inbox` (docs/upstream.md).
class UnreadableError(EngineAwayError):
    """The engine answered that a part of the workflow's state is missing.

    For a moment it does while a turn is being saved; for ever if a sidecar gave a turn up: it then counts
    events of the workflow's inbox that it never saved.
    """


class InstanceStatus(StrEnum):
    """What the engine says of a workflow instance."""

    PENDING = "pending"
    RUNNING = "running"
    SUSPENDED = "suspended"
    """Somebody paused it."""
    STALLED = "stalled"
    """It needs a version of the workflow that no worker has."""
    COMPLETED = "completed"
    FAILED = "failed"
    TERMINATED = "terminated"
    UNKNOWN = "unknown"

    @property
    def is_terminal(self) -> bool:
        """It will do nothing more."""
        return self in {InstanceStatus.COMPLETED, InstanceStatus.FAILED, InstanceStatus.TERMINATED}


@dataclass(frozen=True, slots=True)
class Instance:
    """A workflow instance as the engine knows it; `error` if it failed."""

    status: InstanceStatus
    error: str | None = None


class WorkflowStarter(Protocol):
    """Starts workflows. May raise `EngineAwayError`: try again later."""

    async def schedule(self, workflow: str, instance_id: str, message: Message) -> None:
        """Start a workflow under this id; no harm if it is running already."""


class WorkflowNotifier(Protocol):
    """Signals workflows what happened. May raise `EngineAwayError`: try again later."""

    async def raise_event(self, instance_id: str, event: str, payload: Message | None = None) -> None:
        """Send an external event to a workflow."""


class WorkflowCare(Protocol):
    """Looks after workflows, and removes them. Every call may raise `EngineAwayError`: try again later."""

    async def instance(self, instance_id: str) -> Instance | None:
        """The workflow instance, or None if the engine has no such one."""

    async def terminate(self, instance_id: str) -> None:
        """End a workflow where it is; no harm if it has ended, or there is none. Its activities run on."""

    async def purge(self, instance_id: str) -> bool:
        """Remove an ended workflow from the state store; False if it hasn't ended, True also if there is none."""

    def instance_ids(self) -> AsyncIterator[str]:
        """The ids of all instances of this app."""


class WorkflowEngine(WorkflowStarter, WorkflowNotifier, WorkflowCare, Protocol):
    """All of it."""


class DaprEngine:
    """The workflow engine of this service's sidecar. Belongs to one event loop."""

    def __init__(self, host: str, grpc_port: int) -> None:
        self._client = DaprWorkflowClient(host=host, port=str(grpc_port), logger_options=LoggerOptions("CRITICAL"))

    async def schedule(self, workflow: str, instance_id: str, message: Message) -> None:
        try:
            await _in_time(
                self._client.schedule_new_workflow(
                    workflow, input=message.model_dump(mode="json"), instance_id=instance_id
                )
            )
        except EngineAwayError as error:
            if not _is_running_already(error.__cause__):
                raise

    async def raise_event(self, instance_id: str, event: str, payload: Message | None = None) -> None:
        data = payload.model_dump(mode="json") if payload is not None else None
        await _in_time(self._client.raise_workflow_event(instance_id, event, data=data))

    async def instance(self, instance_id: str) -> Instance | None:
        state = await self._read(instance_id)
        if state is None:
            return None
        details = state.failure_details
        error = None if details is None else f"{details.error_type}: {details.message}"
        return Instance(InstanceStatus(state.runtime_status.name.lower()), error)

    async def terminate(self, instance_id: str) -> None:
        try:
            await _in_time(self._client.terminate_workflow(instance_id))
        except EngineAwayError as error:
            if not _says(error, "no such instance exists"):
                raise

    async def purge(self, instance_id: str) -> bool:
        try:
            await _in_time(self._client.purge_workflow(instance_id))
        except EngineAwayError as error:
            if _says(error, "has not yet completed"):
                return False
            if not _says(error, "no such instance exists"):
                raise
        return True

    async def instance_ids(self) -> AsyncIterator[str]:
        try:
            async for instance_id in self._client.iter_workflow_instance_ids():
                yield instance_id
        except grpc.RpcError as error:
            raise EngineAwayError(_sentence(error)) from error

    async def _read(self, instance_id: str) -> WorkflowState | None:
        for _ in range(READS - 1):
            try:
                return await _in_time(self._client.get_workflow_state(instance_id, fetch_payloads=False))
            except NoAnswerError:
                raise
            except EngineAwayError:
                await asyncio.sleep(READ_AGAIN_SECONDS)
        return await _in_time(self._client.get_workflow_state(instance_id, fetch_payloads=False))


async def _in_time(call: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(CALL_SECONDS):
            return await call
    except TimeoutError as error:
        raise NoAnswerError(f"no answer within {CALL_SECONDS:g} s") from error
    except grpc.RpcError as error:
        sentence = _sentence(error)
        raise (UnreadableError if _MISSING in sentence else EngineAwayError)(sentence) from error


def _is_running_already(error: BaseException | None) -> bool:
    return isinstance(error, grpc.aio.AioRpcError) and error.code() == grpc.StatusCode.ALREADY_EXISTS


def _says(error: EngineAwayError, words: str) -> bool:
    """The engine answers these things with UNKNOWN and a sentence."""
    cause = error.__cause__
    return isinstance(cause, grpc.aio.AioRpcError) and words in (cause.details() or "")


def _sentence(error: Exception) -> str:
    if isinstance(error, grpc.aio.AioRpcError):
        return f"{error.code().name}: {error.details()}"
    return f"no answer within {CALL_SECONDS:g} s"


class Probe:
    """Asks workflows that should have ended, or gone on, whether they still take events. Belongs to one event loop.

    A sidecar can lose a turn: one that is cancelled, since the scheduler died, say, takes along what the sidecar
    remembers of its repeat. It then holds the workflow's lock for ever, while the engine calls the workflow running: no
    event, timer or result reaches it any more. A workflow that only waits takes an event at once. Whoever was asked is
    remembered.
    """

    def __init__(self, engine: WorkflowNotifier) -> None:
        self._engine = engine
        self._again_at: dict[str, float] = {}

    async def ask(self, instance_ids: Collection[str]) -> dict[str, bool]:
        """By instance id, whether the workflow takes events; without those of which the engine could not be asked.

        All are asked at once, since each that doesn't answer takes the engine's whole patience.
        """
        now = time.monotonic()
        self._again_at = {one: self._again_at[one] for one in instance_ids if one in self._again_at}
        asked = [one for one in instance_ids if self._again_at.get(one, now) <= now]
        answers = await asyncio.gather(*(self._takes_events(one) for one in asked))
        answered = {one: answer for one, answer in zip(asked, answers, strict=True) if answer is not None}
        self._again_at |= {one: now + AGAIN_SECONDS for one, takes_events in answered.items() if takes_events}
        return dict.fromkeys(self._again_at, True) | answered

    async def _takes_events(self, instance_id: str) -> bool | None:
        try:
            await self._engine.raise_event(instance_id, PROBE_SIGNAL)
        except NoAnswerError:
            return False
        except EngineAwayError:
            return None
        return True
