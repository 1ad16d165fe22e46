"""A sidecar that can take in no worker any more is replaced, and the orders go on.

When an app's last worker goes, daprd 1.18.2 waits for the turns of its workflows before it takes in the next worker. A
turn that nobody has taken up yet waits for that next worker: both wait for ever. Killing the order-service under load
does it one time in eight; here a worker that takes turns and never reads them makes it certain.
"""

import json
import time
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
from tests.e2e.shop import ENDED, Shop, eventually, fault
from tests.failure_injection.evidence import Evidence
from tests.failure_injection.own_stack import own_stack

PATIENCE_SECONDS = 20.0
SIDECAR = f"{ORDER_SERVICE}-daprd"
ORDERS = 80
"""Their next turns are together more than a stream takes before it is read (64 kB)."""
TRIES = 3
STUCK_SECONDS = 20.0
"""A sidecar that works takes in a worker that knocks within a moment."""


@contextmanager
def worker_that_never_reads(evidence: Evidence) -> Iterator[None]:
    """A second worker of the order-service, connected or knocking for as long as the block lasts."""
    address = f"127.0.0.1:{app_ports(evidence.settings, ORDER_SERVICE).dapr_grpc}"
    # The smallest window that there is: the sidecar's sends wait as soon as its own buffer is full.
    options = [("grpc.http2.lookahead_bytes", 1), ("grpc.http2.bdp_probe", 0)]
    with grpc.insecure_channel(address, options=options) as channel:
        stub: Any = TaskHubSidecarServiceStub(channel)  # type: ignore[no-untyped-call] # generated
        unread = stub.GetWorkItems(pb.GetWorkItemsRequest())
        yield
        unread.cancel()


@pytest.mark.timeout(900)
def test_a_sidecar_that_takes_in_no_worker_is_replaced() -> None:
    """The service that it keeps out ends it; the one that comes instead takes up every order.

    Now and then the sidecar frees itself when the worker that never reads leaves, and takes the next one in: then there
    is nothing to replace, and the test provokes it again.
    """
    with own_stack(SIDECAR_PATIENCE_SECONDS=f"{PATIENCE_SECONDS:g}") as (shop, evidence):
        for _ in range(TRIES):
            if _is_replaced(shop, evidence):
                break
        else:
            pytest.fail(f"the sidecar freed itself {TRIES} times: it was never kept from taking in a worker")
        report = shop.conservation()
        assert report["holds"], report["violations"]


def _is_replaced(shop: Shop, evidence: Evidence) -> bool:
    """Get the sidecar stuck; whether another one came, or it took in the service's worker after all. Orders end."""
    sidecar = shop.stack.pid(SIDECAR)
    with ThreadPoolExecutor(8) as clients:
        placed = [clients.submit(shop.order, fault("process_payment", "delay", seconds=12.0)) for _ in range(ORDERS)]
    order_ids = [order.result() for order in placed]

    shop.stack.hold(ORDER_SERVICE)
    with worker_that_never_reads(evidence):
        _gets_stuck(shop)
    assert shop.stack.pid(SIDECAR) == sidecar

    def outcome() -> str | None:
        if shop.stack.pid(SIDECAR) not in {None, sidecar}:
            return "replaced"
        return "freed" if (_workers(shop) or 0) > 0 else None

    shop.stack.start(ORDER_SERVICE)
    came = eventually(outcome, "a new sidecar is started, or the old one takes the worker in", 120)
    assert {shop.end_of(order_id, 240)["status"] for order_id in order_ids} <= ENDED
    return came == "replaced"


def _gets_stuck(shop: Shop) -> None:
    """Returns once the sidecar has been up for a while without taking in the worker that knocks."""
    last_seen = time.monotonic()

    def stuck() -> bool | None:
        nonlocal last_seen
        if _workers(shop) != 0:
            last_seen = time.monotonic()
        return time.monotonic() - last_seen > STUCK_SECONDS or None

    eventually(stuck, "the sidecar takes in no worker any more", 180)


def _workers(shop: Shop) -> int | None:
    """How many workers the order-service's sidecar has; None if it doesn't answer."""
    url = f"{shop.stack.urls()[SIDECAR]}/v1.0/metadata"
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return int(json.load(response).get("workflows", {}).get("connectedWorkers", 0))
    except (urllib.error.URLError, TimeoutError):
        return None
