"""Placement, the scheduler, and the namespace."""

import pytest

from cli.doctor.finding import Kind
from devstack.ports import free_block
from shared.shop.order import ORDER_SERVICE
from shared.shop.registry import CORE_APPS
from shared.shop.shipping import SHIPPING_SERVICE
from tests.e2e.doctor.clinic import Clinic
from tests.e2e.shop import held


@pytest.mark.exhaustive
def test_placement_is_away(clinic: Clinic) -> None:
    """One finding for all sidecars: its cause is one."""
    with held(clinic.stack, "placement"):
        finding = clinic.finds(Kind.PLACEMENT_AWAY, *CORE_APPS)

    assert "shop start placement" in finding.to_do


def test_the_scheduler_is_away(clinic: Clinic) -> None:
    """The sidecars' metadata goes on telling that it is connected; nobody listens there."""
    clinic.stack.stop("scheduler")
    try:
        finding = clinic.finds(Kind.SCHEDULER_AWAY, *CORE_APPS)
    finally:
        clinic.stack.start("scheduler")
        clinic.stack.wait_ready("scheduler")

    assert "nobody listens" in finding.seen


@pytest.mark.exhaustive
def test_one_sidecar_has_no_scheduler(clinic: Clinic) -> None:
    """Its address is wrong; the others' is right, and they are no finding."""
    with clinic.sidecar_of(SHIPPING_SERVICE, scheduler_host_address=f"127.0.0.1:{free_block(1)}"):
        finding = clinic.finds(Kind.SCHEDULER_AWAY, SHIPPING_SERVICE)

    assert "--scheduler-host-address" in finding.to_do


@pytest.mark.exhaustive
def test_the_scheduler_hangs(clinic: Clinic) -> None:
    """It is connected and listens, and dispatches nothing: only a workflow that doesn't end tells."""
    clinic.stack.signal("scheduler", "SIGSTOP")
    try:
        finding = clinic.finds(Kind.WORKFLOWS_STAND_STILL, ORDER_SERVICE)
    finally:
        clinic.stack.signal("scheduler", "SIGCONT")

    assert "shop logs scheduler" in finding.to_do


@pytest.mark.exhaustive
def test_an_app_in_another_namespace(clinic: Clinic) -> None:
    """Its sidecar is well in every other way."""
    with clinic.sidecar_of(SHIPPING_SERVICE, variables={"NAMESPACE": "blue"}):
        finding = clinic.finds(Kind.NAMESPACE_DIFFERS, SHIPPING_SERVICE)

    assert "'blue'" in finding.seen
