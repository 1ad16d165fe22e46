"""The one state store of all workflows."""

import shutil
from pathlib import Path

import pytest

from cli.doctor.finding import Kind
from devstack.dapr_processes import COMPONENTS
from devstack.passwords import DAPR
from shared.shop.order import ORDER_SERVICE
from shared.shop.registry import CORE_APPS
from shared.shop.shipping import SHIPPING_SERVICE
from tests.e2e.doctor.clinic import Clinic

APART = "another_state"


@pytest.mark.exhaustive
def test_a_sidecar_without_a_store(clinic: Clinic, tmp_path: Path) -> None:
    with clinic.sidecar_of(SHIPPING_SERVICE, resources_path=tmp_path):
        clinic.finds(Kind.STORE_MISSING, SHIPPING_SERVICE)


@pytest.mark.exhaustive
def test_a_store_of_another_name(clinic: Clinic, tmp_path: Path) -> None:
    """The same database, but no other app's workflows would look for it under that name."""
    shutil.copytree(COMPONENTS, tmp_path, dirs_exist_ok=True)
    component = tmp_path / "statestore.yaml"
    component.write_text(component.read_text().replace("name: statestore", "name: shippingstore"))

    with clinic.sidecar_of(SHIPPING_SERVICE, resources_path=tmp_path):
        finding = clinic.finds(Kind.STORE_DIFFERS, SHIPPING_SERVICE)

    assert "shippingstore (state.postgresql v2)" in finding.seen


def test_another_database_behind_the_same_name(clinic: Clinic) -> None:
    """No metadata tells them apart; what one sidecar writes, the other doesn't see."""
    url = clinic.layout.url_of(DAPR)
    clinic.execute(f"CREATE DATABASE {APART} OWNER {clinic.layout.role(DAPR)}")
    apart = url.rpartition("/")[0] + f"/{APART}"

    with clinic.sidecar_of(SHIPPING_SERVICE, variables={"STATESTORE_CONNECTION_STRING": apart}):
        finding = clinic.finds(Kind.STORE_APART, SHIPPING_SERVICE)
        # Of two that don't see each other none is the odd one, and it could be their keys that are apart.
        of_two = clinic.examine(ORDER_SERVICE, SHIPPING_SERVICE).findings

    clinic.execute(f"DROP DATABASE {APART} WITH (FORCE)")
    assert "another database" in finding.seen
    assert [(Kind.STORE_UNPROVEN, (ORDER_SERVICE, SHIPPING_SERVICE))] == [(one.kind, one.apps) for one in of_two]


@pytest.mark.exhaustive
def test_a_store_that_takes_nothing(clinic: Clinic) -> None:
    """One finding for all sidecars: the cause is one."""
    clinic.execute("ALTER TABLE state RENAME TO state_away", in_state_database=True)
    try:
        finding = clinic.finds(Kind.STORE_UNUSABLE, *sorted(CORE_APPS))
    finally:
        clinic.execute("ALTER TABLE state_away RENAME TO state", in_state_database=True)

    assert "state" in finding.seen
