"""Sidecars and services that aren't there, or aren't each other's."""

import pytest

from cli.doctor.evidence import Kind
from devstack.topology.addresses import free_block
from shared.shop.shipping import SHIPPING_SERVICE
from tests.e2e.doctor.doctor_shop import DoctorShop
from tests.e2e.shop import held


@pytest.mark.exhaustive
def test_a_dead_sidecar(doctor_shop: DoctorShop) -> None:
    """Its service runs on and isn't ready; that is no finding of its own."""
    with held(doctor_shop.stack, "shipping-service-daprd"):
        finding = doctor_shop.finds(Kind.SIDECAR_DOWN, SHIPPING_SERVICE)

    assert "nobody listens" in finding.seen
    assert "shop start shipping-service-daprd" in finding.to_do.lower()


def test_a_dead_service(doctor_shop: DoctorShop) -> None:
    """Its sidecar has no worker then; that is no finding of its own."""
    with held(doctor_shop.stack, SHIPPING_SERVICE):
        finding = doctor_shop.finds(Kind.SERVICE_DOWN, SHIPPING_SERVICE)

    assert "shop logs shipping-service" in finding.to_do


@pytest.mark.exhaustive
def test_a_sidecar_of_another_app_id(doctor_shop: DoctorShop) -> None:
    """It is healthy, has its worker, and no call for the app reaches it."""
    with doctor_shop.sidecar_of(SHIPPING_SERVICE, app_id="shiping-service"):
        finding = doctor_shop.finds(Kind.WRONG_APP, SHIPPING_SERVICE)

    assert "'shiping-service'" in finding.seen


def test_a_service_whose_database_turns_it_away(doctor_shop: DoctorShop) -> None:
    """It says so itself at /readyz."""
    role = doctor_shop.layout.role("shipping_service")
    doctor_shop.execute(
        f"ALTER ROLE {role} NOLOGIN", f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'"
    )
    try:
        finding = doctor_shop.finds(Kind.NOT_READY, SHIPPING_SERVICE)
    finally:
        doctor_shop.execute(f"ALTER ROLE {role} LOGIN")

    assert "The database doesn't answer" in finding.seen


@pytest.mark.exhaustive
def test_a_worker_that_knocks_at_another_door(doctor_shop: DoctorShop) -> None:
    """The service runs and answers, but its DAPR_GRPC_PORT is nobody's."""
    with doctor_shop.service_of(SHIPPING_SERVICE, DAPR_GRPC_PORT=str(free_block(1))):
        finding = doctor_shop.finds(Kind.NO_WORKER, SHIPPING_SERVICE)

    assert "DAPR_GRPC_PORT" in finding.to_do


@pytest.mark.exhaustive
def test_a_second_worker_on_one_sidecar(doctor_shop: DoctorShop) -> None:
    """A process that was left behind takes half of the calls."""
    with doctor_shop.second_service_of(SHIPPING_SERVICE, SERVICE_HTTP_PORT=str(free_block(1))):
        finding = doctor_shop.finds(Kind.MANY_WORKERS, SHIPPING_SERVICE)

    assert finding.seen.startswith("2 workers")
