"""`shop secrets` makes exactly what the manifests ask for."""

from pathlib import Path

import pytest

from devstack.cluster.secrets import cluster_secrets
from devstack.errors import SettingsError
from devstack.postgres.passwords import load_passwords
from devstack.settings import load_settings
from tests.integration.deploy.manifests import OVERLAYS, PREPARE, Manifests, references

pytestmark = pytest.mark.integration

DATABASE = "postgresql://admin:x@postgres.example:5432/shop?sslmode=require"


def made(home: Path, **settings: str) -> dict[str, dict[str, str]]:
    """The values of the secrets, by name."""
    stack = load_settings(home=home, database_url=DATABASE, **settings)
    return {
        one["metadata"]["name"]: one["stringData"]
        for one in cluster_secrets(stack, load_passwords(load_settings(home=home)))["items"]
    }


def asked_for(manifests: Manifests) -> set[tuple[str, str]]:
    """Each secret's key that some pod or component needs."""
    found = {reference for pod in manifests.pods.values() for reference in references(pod, "secretKeyRef")}
    for pod in manifests.pods.values():
        for volume in pod["spec"].get("volumes", []):
            secret = volume.get("secret", {})
            found |= {(secret["secretName"], item["key"]) for item in secret.get("items", [])}
    for component in manifests.of_kind("Component").values():
        keys = [item["secretKeyRef"] for item in component["spec"]["metadata"] if "secretKeyRef" in item]
        found |= {(key["name"], key["key"]) for key in keys}
    return found


def test_every_secret_that_is_asked_for_is_made_and_no_other(
    tmp_path: Path, all_manifests: dict[str, Manifests]
) -> None:
    """A pod whose secret is missing never starts."""
    there = {(name, key) for name, values in made(tmp_path).items() for key in values}

    asked = set().union(*(asked_for(all_manifests[name]) for name in (*OVERLAYS, PREPARE)))
    assert asked == there


def test_production_needs_no_secret_of_the_brokers_own(tmp_path: Path, all_manifests: dict[str, Manifests]) -> None:
    """A broker of one's own has its password in its URL."""
    there = made(tmp_path, nats_url="nats://shop:x@nats.example:4222")

    assert {"url": "nats://shop:x@nats.example:4222"} == there["broker"]
    assert ("broker", "password") not in asked_for(all_manifests["production"])


def test_settings_that_are_asked_for_exist(manifests: Manifests) -> None:
    """A key that isn't in the ConfigMap keeps its pod from starting."""
    asked_for = [found for pod in manifests.pods.values() for found in references(pod, "configMapKeyRef")]

    assert asked_for
    for name, key in asked_for:
        assert key in manifests.of_kind("ConfigMap")[name]["data"]


def test_each_service_gets_the_password_of_its_own_role(tmp_path: Path) -> None:
    """The audit-service never that of the role that owns its tables."""
    passwords, there = load_passwords(load_settings(home=tmp_path)), made(tmp_path)

    expected = f"postgresql://shop_audit_writer:{passwords['audit_writer']}@postgres.example:5432/shop?sslmode=require"
    assert expected == there["audit-service"]["database-url"]
    assert passwords["audit_service"] not in str(there["audit-service"])
    assert passwords["order_service"] in there["order-service"]["database-url"]
    assert passwords["dapr"] in there["statestore"]["connection-string"]


def test_without_a_database_there_is_nothing_to_deploy_to(tmp_path: Path) -> None:
    """The embedded server is on a developer's machine."""
    with pytest.raises(SettingsError, match="DATABASE_URL=postgresql://"):
        cluster_secrets(load_settings(home=tmp_path), load_passwords(load_settings(home=tmp_path)))
