"""What repeats for each app follows from the registry of apps."""

from typing import Any, Final

import pytest
import yaml

from devstack.generate import documents
from devstack.settings import PROJECT_ROOT
from shared.contracts.app import App, Registry
from shared.shop.groups import CORE
from shared.shop.order import ORDER_SERVICE
from shared.shop.registry import SHOP

pytestmark = pytest.mark.unit

FILES: Final = {str(file.relative_to(PROJECT_ROOT)): text for file, text in documents(SHOP).items()}
BAKERY: Final = App(
    app_id="bakery-service",
    group=CORE,
    takes_events=True,
    peers={"ORDER_URL": ORDER_SERVICE},
    databases={"AUDITOR_DATABASE_URL": "auditor"},
)


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_that_of_the_registry(name: str) -> None:
    """Without its target an app blocks every workflow for five seconds; without a policy every app may call it."""
    assert FILES[name] == (PROJECT_ROOT / name).read_text(), "it is out of date: make generate"


def test_a_further_app_has_deployment_service_autoscaler_and_budget() -> None:
    """Of its own, without a hand edit."""
    found = further(BAKERY)

    assert ["Deployment", "HorizontalPodAutoscaler", "PodDisruptionBudget", "Service"] == sorted(found)
    assert {BAKERY.app_id} == {document["metadata"]["name"] for document in found.values()}


def test_a_further_app_has_what_it_declares() -> None:
    """Deliveries of events, the programs that it asks, and the databases that it reads."""
    pod = further(BAKERY)["Deployment"]["spec"]["template"]

    (container,) = pod["spec"]["containers"]
    secret, config = {"name": "bakery-service"}, {"name": "shop"}
    assert ["bakery_service"] == container["args"]
    assert [
        {"name": "SERVICE_DATABASE_URL", "valueFrom": {"secretKeyRef": {**secret, "key": "database-url"}}},
        {"name": "AUDITOR_DATABASE_URL", "valueFrom": {"secretKeyRef": {**secret, "key": "auditor-database-url"}}},
        {"name": "BROKER_URL", "valueFrom": {"configMapKeyRef": {**config, "key": "broker-url"}}},
        {"name": "ORDER_URL", "value": "http://order-service:8080"},
    ] == container["env"]
    assert "true" == pod["metadata"]["labels"]["saga-shop/events"]
    assert {
        "dapr.io/app-id": "bakery-service",
        "dapr.io/app-port": "8080",
        "dapr.io/app-protocol": "http",
    } == pod["metadata"]["annotations"]


def test_a_further_program_without_sidecar_is_neither_scaled_nor_annotated() -> None:
    """It is another company's, and network policies tell it by its component."""
    found = further(App(app_id="parcel-gateway", group=CORE, has_sidecar=False))

    metadata = found["Deployment"]["spec"]["template"]["metadata"]
    assert ["Deployment", "Service"] == sorted(found)
    assert {
        "labels": {"app.kubernetes.io/name": "parcel-gateway", "app.kubernetes.io/component": "gateway"}
    } == metadata


def further(app: App) -> dict[str, dict[str, Any]]:
    """By kind: the manifests that an app adds to the shop's."""
    return {
        document["kind"]: document
        for file, text in documents(Registry((*SHOP.apps, app))).items()
        for document in (yaml.safe_load_all(text) if "apps" in file.parts or "scaling" in file.parts else ())
        if document not in list(yaml.safe_load_all(FILES[str(file.relative_to(PROJECT_ROOT))]))
    }
