"""Versions, clocks and tables."""

import os
import stat
from pathlib import Path

import pytest

from cli.doctor.evidence import Kind
from devstack.topology.addresses import sidecar_of
from shared.shop.shipping import SHIPPING_SERVICE
from tests.e2e.doctor.doctor_shop import DoctorShop
from tests.e2e.doctor.test_registrations import OTHER_SHIPPING
from tests.e2e.replacing import spec_of

OLDER_SDK = "1.18.3"


@pytest.mark.exhaustive
def test_a_sidecar_of_another_version(doctor_shop: DoctorShop, tmp_path: Path) -> None:
    """The real daprd, in which the version that it reports was overwritten."""
    version = doctor_shop.examine().case.apps[0].sidecar
    assert version is not None
    runtime_version = version.runtime.encode()
    other = runtime_version[:-1] + (b"9" if runtime_version[-1:] != b"9" else b"8")
    program = tmp_path / "daprd"
    program.write_bytes(
        Path(spec_of(doctor_shop.settings, sidecar_of(SHIPPING_SERVICE)).command[0])
        .read_bytes()
        .replace(runtime_version, other)
    )
    program.chmod(stat.S_IRWXU)

    with doctor_shop.sidecar_of(SHIPPING_SERVICE, program=program):
        finding = doctor_shop.finds(Kind.RUNTIME_SKEW, SHIPPING_SERVICE)

    assert f"shipping-service has daprd {other.decode()}; the others have {runtime_version.decode()}" == finding.seen


def test_a_service_with_another_sdk(doctor_shop: DoctorShop, tmp_path: Path) -> None:
    """What Python says is installed comes first on its path."""
    installed = tmp_path / f"dapr-{OLDER_SDK}.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text(f"Metadata-Version: 2.1\nName: dapr\nVersion: {OLDER_SDK}\n")

    with doctor_shop.service_of(SHIPPING_SERVICE, PYTHONPATH=os.fspath(tmp_path)):
        finding = doctor_shop.finds(Kind.SDK_SKEW, SHIPPING_SERVICE)

    assert OLDER_SDK in finding.seen


@pytest.mark.exhaustive
def test_a_clock_that_is_ahead(doctor_shop: DoctorShop) -> None:
    with doctor_shop.service_of(SHIPPING_SERVICE, OTHER_SHIPPING, OTHER_SHIPPING="ahead"):
        finding = doctor_shop.finds(Kind.CLOCK_SKEW, SHIPPING_SERVICE)

    assert "90 s ahead of" in finding.seen


@pytest.mark.exhaustive
def test_tables_of_an_old_backup(doctor_shop: DoctorShop) -> None:
    """The running service migrated when it started, before they were restored."""
    *before, newest = ("none", *_revisions(doctor_shop))
    restored = before[-1]
    doctor_shop.execute("DELETE FROM shipping_service.alembic_version")
    if restored != "none":
        doctor_shop.execute(f"INSERT INTO shipping_service.alembic_version VALUES ('{restored}')")
    try:
        finding = doctor_shop.finds(Kind.TABLES_BEHIND, SHIPPING_SERVICE)
    finally:
        doctor_shop.execute("DELETE FROM shipping_service.alembic_version")
        doctor_shop.execute(f"INSERT INTO shipping_service.alembic_version VALUES ('{newest}')")

    assert finding.seen.endswith(f"have revision {restored}; pending: {newest}")


@pytest.mark.exhaustive
def test_tables_of_a_newer_version(doctor_shop: DoctorShop) -> None:
    """The service was rolled back, its tables weren't."""
    newest = _revisions(doctor_shop)[-1]
    doctor_shop.execute("UPDATE shipping_service.alembic_version SET version_num = '9999'")
    try:
        finding = doctor_shop.finds(Kind.TABLES_AHEAD, SHIPPING_SERVICE)
    finally:
        doctor_shop.execute(f"UPDATE shipping_service.alembic_version SET version_num = '{newest}'")

    assert "9999" in finding.seen


def _revisions(doctor_shop: DoctorShop) -> tuple[str, ...]:
    """All that the running shipping-service knows, oldest first."""
    (service,) = [about for app, about in doctor_shop.examine().case.introduced if app.app_id == SHIPPING_SERVICE]
    assert service.revisions is not None
    assert service.revisions.applied == service.revisions.known[-1]
    return service.revisions.known
