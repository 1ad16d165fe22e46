"""Policies that refuse, and workflows that stand still."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from cli.doctor.evidence import Kind
from devstack.topology.addresses import sidecar_of
from devstack.topology.infrastructure import COMPONENTS
from shared.shop.order import ORDER_SERVICE
from shared.shop.shipping import SHIPPING_SERVICE
from tests.e2e.doctor.doctor_shop import DoctorShop
from tests.e2e.shop import an_order, eventually, fault

POLICY = """
apiVersion: dapr.io/v1alpha1
kind: WorkflowAccessPolicy
metadata:
  name: shipping-for-nobody
scopes: [shipping-service]
spec:
  rules:
    - callers: [{appID: somebody-else}]
      activities: [{name: book_shipment}]
"""


def test_a_policy_that_refuses(doctor_shop: DoctorShop, tmp_path: Path) -> None:
    """Shown by a call that the policy refused, and with the name of the policy."""
    shutil.copytree(COMPONENTS, tmp_path, dirs_exist_ok=True)
    (tmp_path / "access.yaml").write_text(POLICY)

    with doctor_shop.sidecar_of(SHIPPING_SERVICE, resources_path=tmp_path):
        finding = doctor_shop.finds(Kind.ACCESS_DENIED, SHIPPING_SERVICE)

    assert "refuses book_shipment, cancel_shipment to order-service" in finding.seen
    assert "shipping-for-nobody" in finding.seen


def test_an_order_that_stands_still(doctor_shop: DoctorShop) -> None:
    """Somebody paused its workflow, and its deadline passes. On a slow machine it has begun to be undone by then."""
    slow = an_order(fault("process_payment", "delay", seconds=3), fault("refund_payment", "delay", seconds=3))
    order_id = doctor_shop.shop.post_order({**slow, "deadline_seconds": 4}).body["order_id"]
    doctor_shop.shop.reaches(order_id, "process_payment")
    with _paused(doctor_shop, order_id):
        step = doctor_shop.shop.show(order_id)["steps"][-1]
        finding = doctor_shop.finds(Kind.LATE_ORDER, step["app_id"], activity=step["name"])

    assert order_id in finding.seen
    assert "its workflow is SUSPENDED" in finding.seen
    assert "/resume" in finding.to_do
    eventually(lambda: doctor_shop.shop.show(order_id)["status"] == "compensated" or None, "the order ends")


@contextmanager
def _paused(doctor_shop: DoctorShop, order_id: str) -> Iterator[None]:
    """Its workflow is paused as long as the block lasts, and goes on however the block ends."""
    try:
        eventually(lambda: _signalled(doctor_shop, order_id, "pause", "SUSPENDED"), "its workflow is paused")
        yield
    finally:
        eventually(lambda: _signalled(doctor_shop, order_id, "resume", "RUNNING", "COMPLETED"), "its workflow goes on")


def _signalled(doctor_shop: DoctorShop, order_id: str, verb: str, *wanted: str) -> bool | None:
    """True once the workflow is in one of these states; None if it isn't yet.

    daprd 1.18.2 answers a read or an event with 500 now and then, though it may have taken the event.
    """
    workflow = f"{doctor_shop.stack.urls()[sidecar_of(ORDER_SERVICE)]}/v1.0/workflows/dapr/{order_id}"
    try:
        with urlopen(Request(f"{workflow}/{verb}", method="POST"), timeout=10):
            pass
        with urlopen(workflow, timeout=10) as response:
            return json.load(response)["runtimeStatus"] in wanted or None
    except HTTPError as error:
        if error.code != HTTPStatus.INTERNAL_SERVER_ERROR:
            raise
        return None
