"""`shop doctor` as a person or a program calls it."""

import json
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from devstack.topology.addresses import sidecar_of
from shared.shop.order import ORDER_SERVICE
from shared.shop.payment import PAYMENT_SERVICE
from shared.shop.registry import CORE_APPS
from shared.shop.shipping import SHIPPING_SERVICE
from tests.e2e.conftest import shop_command
from tests.e2e.doctor import kubectl
from tests.e2e.doctor.doctor_shop import DoctorShop
from tests.e2e.shop import held


def ports(doctor_shop: DoctorShop) -> dict[str, tuple[int, int]]:
    """Of each app: its service's and its sidecar's."""
    urls = doctor_shop.stack.urls()
    numbers = {name: urlsplit(url).port or 0 for name, url in urls.items()}
    return {app_id: (numbers[app_id], numbers[sidecar_of(app_id)]) for app_id in CORE_APPS}


def test_a_healthy_shop_is_reported_in_a_line(doctor_shop: DoctorShop) -> None:
    """Exit code 0, after each call between the apps was tried."""
    answer = shop_command(doctor_shop.environment, "doctor")

    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert answer.stdout.splitlines()[-1] == "healthy: 4 apps, 6 calls between them tried, nothing found"


def test_findings_are_reported_to_people_and_programs(doctor_shop: DoctorShop) -> None:
    """Exit code 1."""
    with held(doctor_shop.stack, SHIPPING_SERVICE):
        output = shop_command(doctor_shop.environment, "doctor")
        document = shop_command(doctor_shop.environment, "doctor", "--json")

    assert (1, 1) == (output.returncode, document.returncode)
    for part in ("found: service_down: shipping-service", "seen", "matters", "to do", "NOT healthy: 1 findings"):
        assert part in output.stdout
    report = json.loads(document.stdout)
    assert not report["healthy"]
    assert [("service_down", ["shipping-service"])] == [(one["kind"], one["apps"]) for one in report["findings"]]


def test_addresses_given_by_hand_are_asked(doctor_shop: DoctorShop) -> None:
    """Two apps of the four: what they call of each other is tried, and late orders are looked for."""
    words = [f"--target={app_id}={service}:{sidecar}" for app_id, (service, sidecar) in ports(doctor_shop).items()]
    answer = shop_command(doctor_shop.environment, "doctor", *words[:2])

    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "healthy: 2 apps, 2 calls" in answer.stdout


def test_nobody_to_ask_is_no_good_news(tmp_path: Path) -> None:
    """Exit code 2: neither healthy nor not."""
    answer = shop_command({**os.environ, "SHOP_HOME": str(tmp_path)}, "doctor")

    assert answer.returncode == 2
    assert "the stack doesn't run" in answer.stderr


def test_without_the_order_service_not_all_was_looked_at(doctor_shop: DoctorShop) -> None:
    service, sidecar = ports(doctor_shop)[PAYMENT_SERVICE]
    answer = shop_command(doctor_shop.environment, "doctor", f"--target={PAYMENT_SERVICE}={service}:{sidecar}")

    assert answer.returncode == 2, answer.stdout + answer.stderr
    assert "not looked at: late orders" in answer.stdout


@pytest.fixture
def with_kubectl(doctor_shop: DoctorShop, tmp_path: Path) -> dict[str, str]:
    """An environment in which `kubectl` shows the stack's apps as pods."""
    program = tmp_path / "kubectl"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {kubectl.__file__} "$@"\n')
    program.chmod(0o755)
    return {
        **doctor_shop.environment,
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "PODS": json.dumps(ports(doctor_shop)),
    }


def test_a_cluster_is_asked_through_kubectl(with_kubectl: dict[str, str]) -> None:
    """The same checks over forwarded ports; the forwards end with the command."""
    answer = shop_command(with_kubectl, "doctor", "--kubernetes", "shop")

    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "payment-service-0" in answer.stdout


def test_an_app_without_a_pod_is_missing(with_kubectl: dict[str, str]) -> None:
    pods = {app_id: place for app_id, place in json.loads(with_kubectl["PODS"]).items() if app_id != SHIPPING_SERVICE}
    answer = shop_command({**with_kubectl, "PODS": json.dumps(pods)}, "doctor", "--kubernetes", "shop", "--json")

    assert answer.returncode == 1
    assert [("app_missing", [SHIPPING_SERVICE])] == [
        (one["kind"], one["apps"]) for one in json.loads(answer.stdout)["findings"]
    ]
    assert ORDER_SERVICE in answer.stdout
