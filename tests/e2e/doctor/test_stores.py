"""The one state store of all workflows."""

import shutil
from pathlib import Path

import pytest

from cli.doctor.evidence import Kind
from devstack.postgres.passwords import DAPR
from devstack.topology.infrastructure import COMPONENTS
from shared.shop.order import ORDER_SERVICE
from shared.shop.registry import CORE_APPS
from shared.shop.shipping import SHIPPING_SERVICE
from tests.e2e.doctor.doctor_shop import DoctorShop

APART = "another_state"


@pytest.mark.exhaustive
def test_a_sidecar_without_a_store(doctor_shop: DoctorShop, tmp_path: Path) -> None:
    with doctor_shop.sidecar_of(SHIPPING_SERVICE, resources_path=tmp_path):
        doctor_shop.finds(Kind.STORE_MISSING, SHIPPING_SERVICE)


@pytest.mark.exhaustive
def test_a_store_of_another_name(doctor_shop: DoctorShop, tmp_path: Path) -> None:
    """The same database, but no other app's workflows would look for it under that name."""
    shutil.copytree(COMPONENTS, tmp_path, dirs_exist_ok=True)
    component = tmp_path / "statestore.yaml"
    component.write_text(component.read_text().replace("name: statestore", "name: shippingstore"))

    with doctor_shop.sidecar_of(SHIPPING_SERVICE, resources_path=tmp_path):
        finding = doctor_shop.finds(Kind.STORE_DIFFERS, SHIPPING_SERVICE)

    assert "shippingstore (state.postgresql v2)" in finding.seen


def test_another_database_behind_the_same_name(doctor_shop: DoctorShop) -> None:
    """No metadata tells them apart; what one sidecar writes, the other doesn't see."""
    url = doctor_shop.layout.url_of(DAPR)
    doctor_shop.execute(f"CREATE DATABASE {APART} OWNER {doctor_shop.layout.role(DAPR)}")
    apart = url.rpartition("/")[0] + f"/{APART}"

    with doctor_shop.sidecar_of(SHIPPING_SERVICE, variables={"STATESTORE_CONNECTION_STRING": apart}):
        finding = doctor_shop.finds(Kind.STORE_APART, SHIPPING_SERVICE)
        # Of two that don't see each other none is the odd one, and it could be their keys that are apart.
        of_two = doctor_shop.examine(ORDER_SERVICE, SHIPPING_SERVICE).findings

    doctor_shop.execute(f"DROP DATABASE {APART} WITH (FORCE)")
    assert "another database" in finding.seen
    assert [(Kind.STORE_UNPROVEN, (ORDER_SERVICE, SHIPPING_SERVICE))] == [(one.kind, one.apps) for one in of_two]


@pytest.mark.exhaustive
def test_a_store_that_takes_nothing(doctor_shop: DoctorShop) -> None:
    """One finding for all sidecars: the cause is one."""
    doctor_shop.execute("ALTER TABLE state RENAME TO state_away", in_state_database=True)
    try:
        finding = doctor_shop.finds(Kind.STORE_UNUSABLE, *sorted(CORE_APPS))
    finally:
        doctor_shop.execute("ALTER TABLE state_away RENAME TO state", in_state_database=True)

    assert "state" in finding.seen
