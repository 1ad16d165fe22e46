"""Sidecars and services that aren't there, or aren't each other's."""

import pytest

from cli.doctor.finding import Kind
from devstack.ports import free_block
from shared.shop.shipping import SHIPPING_SERVICE
from tests.e2e.doctor.clinic import Clinic
from tests.e2e.shop import held


@pytest.mark.exhaustive
def test_a_dead_sidecar(clinic: Clinic) -> None:
    """Its service runs on and isn't ready; that is no finding of its own."""
    with held(clinic.stack, "shipping-service-daprd"):
        finding = clinic.finds(Kind.SIDECAR_DOWN, SHIPPING_SERVICE)

    assert "nobody listens" in finding.seen
    assert "shop start shipping-service-daprd" in finding.to_do.lower()


def test_a_dead_service(clinic: Clinic) -> None:
    """Its sidecar has no worker then; that is no finding of its own."""
    with held(clinic.stack, SHIPPING_SERVICE):
        finding = clinic.finds(Kind.SERVICE_DOWN, SHIPPING_SERVICE)

    assert "shop logs shipping-service" in finding.to_do


@pytest.mark.exhaustive
def test_a_sidecar_of_another_app_id(clinic: Clinic) -> None:
    """It is healthy, has its worker, and no call for the app reaches it."""
    with clinic.sidecar_of(SHIPPING_SERVICE, app_id="shiping-service"):
        finding = clinic.finds(Kind.WRONG_APP, SHIPPING_SERVICE)

    assert "'shiping-service'" in finding.seen


def test_a_service_whose_database_turns_it_away(clinic: Clinic) -> None:
    """It says so itself at /readyz."""
    role = clinic.layout.role("shipping_service")
    clinic.execute(
        f"ALTER ROLE {role} NOLOGIN", f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'"
    )
    try:
        finding = clinic.finds(Kind.NOT_READY, SHIPPING_SERVICE)
    finally:
        clinic.execute(f"ALTER ROLE {role} LOGIN")

    assert "The database doesn't answer" in finding.seen


@pytest.mark.exhaustive
def test_a_worker_that_knocks_at_another_door(clinic: Clinic) -> None:
    """The service runs and answers, but its DAPR_GRPC_PORT is nobody's."""
    with clinic.service_of(SHIPPING_SERVICE, DAPR_GRPC_PORT=str(free_block(1))):
        finding = clinic.finds(Kind.NO_WORKER, SHIPPING_SERVICE)

    assert "DAPR_GRPC_PORT" in finding.to_do


@pytest.mark.exhaustive
def test_a_second_worker_on_one_sidecar(clinic: Clinic) -> None:
    """A process that was left behind takes half of the calls."""
    with clinic.second_service_of(SHIPPING_SERVICE, SERVICE_HTTP_PORT=str(free_block(1))):
        finding = clinic.finds(Kind.MANY_WORKERS, SHIPPING_SERVICE)

    assert finding.seen.startswith("2 workers")
