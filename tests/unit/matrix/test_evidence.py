"""How the tests read the engine: a read that meets a turn being saved is asked again, any other error is theirs."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import pytest
from dapr.ext.workflow._durabletask.internal import protos as pb
from dapr.ext.workflow._durabletask.internal.orchestrator_service_pb2_grpc import (
    TaskHubSidecarServiceServicer,
    add_TaskHubSidecarServiceServicer_to_server,
)

from tests.failure_injection.evidence import read_history

pytestmark = pytest.mark.unit

TORN = (
    "workflow 'ord-1': inbox key 'inbox-000000' declared in metadata (inboxLength=1) but missing from state store "
    "(transient store read failure or partial save?)"
)


class FailingEngine(TaskHubSidecarServiceServicer):
    """Answers the first reads with an error each, and every later one with a history of one event."""

    def __init__(self, *errors: str) -> None:
        self.errors = list(errors)

    def GetInstanceHistory(  # noqa: N802 - the protocol's name
        self, request: pb.GetInstanceHistoryRequest, context: grpc.ServicerContext
    ) -> pb.GetInstanceHistoryResponse:
        del request
        if self.errors:
            context.abort(grpc.StatusCode.UNKNOWN, self.errors.pop(0))
        return pb.GetInstanceHistoryResponse(events=[pb.HistoryEvent(eventId=7)])


@contextmanager
def served(engine: FailingEngine) -> Iterator[str]:
    server = grpc.server(ThreadPoolExecutor(max_workers=1))
    add_TaskHubSidecarServiceServicer_to_server(engine, server)  # type: ignore[no-untyped-call] # generated
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(grace=None).wait()


def test_a_torn_read_is_asked_again() -> None:
    """The engine says so now and then under load, also when nothing is wrong."""
    with served(FailingEngine(TORN, TORN)) as address:
        assert [7] == [event.eventId for event in read_history(address, "ord-1")]


def test_another_error_is_not_hidden() -> None:
    """Only the torn read is known to pass by itself."""
    with served(FailingEngine("no such instance exists")) as address, pytest.raises(grpc.RpcError, match="no such"):
        read_history(address, "ord-1")
