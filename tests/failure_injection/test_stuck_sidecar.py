"""A sidecar that can take in no worker any more is replaced, and the orders go on.

When an app's last worker goes, daprd 1.18.2 waits for the turns of its workflows before it takes in the next worker. A
turn that nobody has taken up yet waits for that next worker: both wait for ever. Killing the order-service under load
does it one time in eight; here a worker that takes turns and never reads them makes it certain: the sidecar drops it
after 10 s (`WithStreamSendTimeout` in its wfengine), while the turns that it was never sent still wait.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
from dapr.ext.workflow._durabletask.internal import protos as pb
from dapr.ext.workflow._durabletask.internal.orchestrator_service_pb2_grpc import TaskHubSidecarServiceStub

from devstack.topology.addresses import app_ports
from shared.shop.order import ORDER_SERVICE
from shared.workflows.client import PROBE_SIGNAL
from tests.e2e.shop import ENDED, Shop, eventually, fault
from tests.failure_injection.evidence import Evidence
from tests.failure_injection.own_stack import own_stack

PATIENCE_SECONDS = 20.0
SIDECAR = f"{ORDER_SERVICE}-daprd"
ORDERS = 16
EVENT = {"padding": "x" * 100_000}
"""An order's next turn carries it: two of them are more than a stream takes before it is read (64 kB)."""
DELAY_SECONDS = 60.0
"""The orders wait for their payment while the turns are made."""


@contextmanager
def worker_that_never_reads(evidence: Evidence) -> Iterator[None]:
    """A second worker of the order-service, connected until the sidecar drops it or the block ends."""
    address = f"127.0.0.1:{app_ports(evidence.settings, ORDER_SERVICE).dapr_grpc}"
    # The smallest window that there is: the sidecar's sends wait as soon as its own buffer is full.
    options = [("grpc.http2.lookahead_bytes", 1), ("grpc.http2.bdp_probe", 0)]
    with grpc.insecure_channel(address, options=options) as channel:
        stub: Any = TaskHubSidecarServiceStub(channel)  # type: ignore[no-untyped-call] # generated
        unread = stub.GetWorkItems(pb.GetWorkItemsRequest())
        yield
        unread.cancel()


@pytest.mark.timeout(600)
def test_a_sidecar_that_takes_in_no_worker_is_replaced() -> None:
    """The service that it keeps out ends it; the one that comes instead takes up every order."""
    with own_stack(SIDECAR_PATIENCE_SECONDS=f"{PATIENCE_SECONDS:g}") as (shop, evidence):
        sidecar = shop.stack.pid(SIDECAR)
        with ThreadPoolExecutor(ORDERS) as clients:
            order_ids = list(clients.map(lambda _: shop.order(_slow_payment()), range(ORDERS)))
            for order_id in order_ids:
                shop.reaches(order_id, "process_payment")
            shop.stack.hold(ORDER_SERVICE)
            eventually(lambda: _workers(shop) == 0, "the sidecar has noticed that its worker died")
            with worker_that_never_reads(evidence):
                eventually(lambda: _workers(shop) == 1, "the sidecar takes in the worker that never reads")
                list(clients.map(lambda order_id: _make_a_turn(shop, order_id), order_ids))
                eventually(lambda: _workers(shop) == 0, "the sidecar drops the worker that never reads")
        assert shop.stack.pid(SIDECAR) == sidecar

        shop.stack.start(ORDER_SERVICE)
        eventually(lambda: shop.stack.pid(SIDECAR) not in {None, sidecar}, "a new sidecar is started", 120)
        assert {shop.end_of(order_id, 240)["status"] for order_id in order_ids} <= ENDED
        report = shop.conservation()
        assert report["holds"], report["violations"]


def _slow_payment() -> dict[str, Any]:
    return fault("process_payment", "delay", seconds=DELAY_SECONDS)


def _make_a_turn(shop: Shop, order_id: str) -> None:
    """An event that the workflow doesn't wait for: its next turn carries it."""
    url = f"{shop.stack.urls()[SIDECAR]}/v1.0/workflows/dapr/{order_id}/raiseEvent/{PROBE_SIGNAL}"
    request = urllib.request.Request(url, json.dumps(EVENT).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as response:
        assert response.status == 202


def _workers(shop: Shop) -> int | None:
    """How many workers the order-service's sidecar has; None if it doesn't answer."""
    url = f"{shop.stack.urls()[SIDECAR]}/v1.0/metadata"
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return int(json.load(response).get("workflows", {}).get("connectedWorkers", 0))
    except (urllib.error.URLError, TimeoutError):
        return None
