"""Placement, the scheduler, and the namespace."""

import pytest

from cli.doctor.evidence import Kind
from devstack.topology.addresses import free_block
from shared.shop.order import ORDER_SERVICE
from shared.shop.registry import CORE_APPS
from shared.shop.shipping import SHIPPING_SERVICE
from tests.e2e.doctor.doctor_shop import DoctorShop
from tests.e2e.shop import held


@pytest.mark.exhaustive
def test_placement_is_away(doctor_shop: DoctorShop) -> None:
    """One finding for all sidecars: its cause is one."""
    with held(doctor_shop.stack, "placement"):
        finding = doctor_shop.finds(Kind.PLACEMENT_AWAY, *CORE_APPS)

    assert "shop start placement" in finding.to_do


def test_the_scheduler_is_away(doctor_shop: DoctorShop) -> None:
    """The sidecars' metadata goes on telling that it is connected; nobody listens there."""
    doctor_shop.stack.stop("scheduler")
    try:
        finding = doctor_shop.finds(Kind.SCHEDULER_AWAY, *CORE_APPS)
    finally:
        doctor_shop.stack.start("scheduler")
        doctor_shop.stack.wait_ready("scheduler")

    assert "nobody listens" in finding.seen


@pytest.mark.exhaustive
def test_one_sidecar_has_no_scheduler(doctor_shop: DoctorShop) -> None:
    """Its address is wrong; the others' is right, and they are no finding."""
    with doctor_shop.sidecar_of(SHIPPING_SERVICE, scheduler_host_address=f"127.0.0.1:{free_block(1)}"):
        finding = doctor_shop.finds(Kind.SCHEDULER_AWAY, SHIPPING_SERVICE)

    assert "--scheduler-host-address" in finding.to_do


@pytest.mark.exhaustive
def test_the_scheduler_hangs(doctor_shop: DoctorShop) -> None:
    """It is connected and listens, and dispatches nothing: only a workflow that doesn't end shows it."""
    doctor_shop.stack.signal("scheduler", "SIGSTOP")
    try:
        finding = doctor_shop.finds(Kind.WORKFLOWS_STAND_STILL, ORDER_SERVICE)
    finally:
        doctor_shop.stack.signal("scheduler", "SIGCONT")

    assert "shop logs scheduler" in finding.to_do


@pytest.mark.exhaustive
def test_an_app_in_another_namespace(doctor_shop: DoctorShop) -> None:
    """Its sidecar is well in every other way."""
    with doctor_shop.sidecar_of(SHIPPING_SERVICE, variables={"NAMESPACE": "blue"}):
        finding = doctor_shop.finds(Kind.NAMESPACE_DIFFERS, SHIPPING_SERVICE)

    assert "'blue'" in finding.seen
