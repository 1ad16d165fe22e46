"""The client of the workflow engine, against a sidecar that errs or doesn't answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from dapr.ext.workflow._durabletask.internal import protos as pb
from dapr.ext.workflow._durabletask.internal.orchestrator_service_pb2_grpc import (
    TaskHubSidecarServiceServicer,
    add_TaskHubSidecarServiceServicer_to_server,
)

from shared.workflows import client
from shared.workflows.client import READS, DaprEngine, Instance, InstanceStatus, NoAnswerError, UnreadableError

pytestmark = pytest.mark.unit

TORN = "workflow 'ord-1': inbox key 'inbox-000000' declared in metadata (inboxLength=1) but missing from state store"
RUNNING = pb.GetInstanceResponse(
    exists=True, workflowState=pb.WorkflowState(instanceId="ord-1", workflowStatus=pb.ORCHESTRATION_STATUS_RUNNING)
)


class Sidecar(TaskHubSidecarServiceServicer):
    """Its first reads fail as those do that race with a turn being saved; it takes events, and never says so."""

    def __init__(self, failing_reads: int) -> None:
        self.failing_reads = failing_reads
        self.reads = 0

    async def GetInstance(  # noqa: N802 - the service's name
        self, request: pb.GetInstanceRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.GetInstanceResponse:
        self.reads += 1
        if self.reads <= self.failing_reads:
            await context.abort(grpc.StatusCode.UNKNOWN, TORN)
        assert "ord-1" == request.instanceId
        return RUNNING

    async def RaiseEvent(  # noqa: N802 - the service's name
        self, request: pb.RaiseEventRequest, _: object
    ) -> pb.RaiseEventResponse:
        assert "ord-1" == request.instanceId
        await asyncio.Event().wait()
        return pb.RaiseEventResponse()


@asynccontextmanager
async def engine_of(sidecar: Sidecar) -> AsyncIterator[DaprEngine]:
    server = grpc.aio.server()
    add_TaskHubSidecarServiceServicer_to_server(sidecar, server)  # type: ignore[no-untyped-call] # the SDK's own
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield DaprEngine("127.0.0.1", port)
    finally:
        await server.stop(None)


async def test_a_read_that_fails_now_and_then_is_repeated() -> None:
    """The workflow is well, and its next read says so."""
    sidecar = Sidecar(failing_reads=READS - 1)
    async with engine_of(sidecar) as engine:
        assert Instance(InstanceStatus.RUNNING) == await engine.instance("ord-1")

    assert READS == sidecar.reads


async def test_a_read_that_goes_on_failing_is_told_apart() -> None:
    """No repeat helps a workflow of whose state a part is missing."""
    sidecar = Sidecar(failing_reads=READS)
    async with engine_of(sidecar) as engine:
        with pytest.raises(UnreadableError, match="missing from state store"):
            await engine.instance("ord-1")


async def test_a_call_without_an_answer_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sidecar without a worker blocks it, and the service goes on."""
    monkeypatch.setattr(client, "CALL_SECONDS", 0.1)
    async with engine_of(Sidecar(failing_reads=0)) as engine:
        with pytest.raises(NoAnswerError, match=r"no answer within 0\.1 s"):
            await engine.raise_event("ord-1", "nudge")
