"""The manifests on a real API server, with Dapr's real injector: `make test-cluster`.

Not named as a test, so that `make test`, which has no such cluster, passes it over; so are the other checks beside it.
"""

from copy import deepcopy
from typing import Any

import pytest

from shared.shop.gateway import PAYMENT_GATEWAY
from shared.shop.registry import APPS, EVENT_RELAY, SHOP
from shared.shop.task import TASK_ORCHESTRATOR_SERVICE
from tests.cluster.kubectl import Document, RefusedError
from tests.cluster.pods import flags_of, has_sidecar, sidecar_of
from tests.cluster.shop import Shop
from tests.integration.deploy.manifests import NAMESPACE
from tests.integration.deploy.test_apps import INJECTED

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def pods(shop: Shop) -> dict[str, list[Document]]:
    """The pods of each app and of the gateway, made by controllers, with what the injector made of them."""
    return {name: shop.pods(name) for name in (*APPS, PAYMENT_GATEWAY)}


def test_every_pod_of_an_app_has_its_sidecar(pods: dict[str, list[Document]]) -> None:
    """A native one, with the app's id, the configuration, and a port only where events are delivered."""
    for app in APPS:
        assert len(pods[app]) == 2
        for pod in pods[app]:
            sidecar = sidecar_of(pod)
            flags = flags_of(sidecar)
            assert pod["metadata"]["namespace"] == NAMESPACE
            assert sidecar["restartPolicy"] == "Always"
            assert flags["--app-id"] == app
            assert flags["--config"] == "saga-shop"
            assert "--enable-mtls" in sidecar["args"]
            assert (app in SHOP.event_apps) == (flags.get("--app-port") == "8080")
            assert sidecar["resources"]["limits"]["memory"] == "512Mi"


def test_the_app_knows_where_its_sidecar_is(pods: dict[str, list[Document]]) -> None:
    """The manifests leave it to the injector."""
    for app in APPS:
        assert pods[app]
        for pod in pods[app]:
            (container,) = pod["spec"]["containers"]
            environment = {one["name"]: one.get("value") for one in container["env"]}
            assert INJECTED.items() <= environment.items()


def test_the_gateway_has_no_sidecar(pods: dict[str, list[Document]]) -> None:
    """It stands for another company."""
    (pod,) = pods[PAYMENT_GATEWAY]
    assert not has_sidecar(pod)


def test_no_pod_has_a_token_of_the_api(pods: dict[str, list[Document]]) -> None:
    """The sidecar's own token is for sentry alone."""
    all_pods = [pod for app in APPS for pod in pods[app]]

    assert all_pods
    for pod in all_pods:
        audiences = [
            source["serviceAccountToken"].get("audience", "the API server")
            for volume in pod["spec"]["volumes"]
            for source in volume.get("projected", {}).get("sources", [])
            if "serviceAccountToken" in source
        ]
        assert len(audiences) == 1
        assert "sentry" in audiences[0]


def test_applying_again_changes_nothing(shop: Shop) -> None:
    """Nothing in the manifests fights with what server and controllers make of them."""
    before = shop.kept()

    shop.apply()

    assert len(before) == len(shop.delivered.documents) - 1
    assert before == shop.kept()


def refused(shop: Shop, document: Document) -> str:
    """What the server says to it."""
    with pytest.raises(RefusedError) as said:
        shop.kubectl.would_take(document)
    return str(said.value)


def changed(shop: Shop, kind: str, name: str) -> Document:
    """A copy of a manifest, under another name, to be spoilt."""
    document = deepcopy(shop.delivered.of_kind(kind)[name])
    document["metadata"]["name"] += "-spoilt"
    return document


def test_a_component_with_a_misspelt_field_is_refused(shop: Shop) -> None:
    """By Dapr's own definition."""
    component = changed(shop, "Component", "statestore")
    component["spec"]["metadata"][1]["valu"] = "true"

    assert 'unknown field "spec.metadata[1].valu"' in refused(shop, component)


def test_a_component_without_version_is_refused(shop: Shop) -> None:
    """A sidecar would not know what to load."""
    component = changed(shop, "Component", "pubsub")
    del component["spec"]["version"]

    assert "spec.version: Required value" in refused(shop, component)


def test_a_policy_that_admits_nothing_is_refused(shop: Shop) -> None:
    """It would look like one that admits its callers."""
    policy = changed(shop, "WorkflowAccessPolicy", "payment-service")
    del policy["spec"]["rules"][0]["activities"]

    assert "at least one of workflows or activities must contain a rule" in refused(shop, policy)


def test_a_pod_with_rights_is_refused(shop: Shop) -> None:
    """The namespace takes only pods that could do no harm to their node."""
    pod = a_pod()
    del pod["spec"]["securityContext"]["runAsNonRoot"]

    assert 'violates PodSecurity "restricted:latest"' in refused(shop, pod)


def test_an_app_in_another_namespace_is_noticed(shop: Shop) -> None:
    """A manifest says its namespace; kubectl doesn't move it in silence."""
    deployment = changed(shop, "Deployment", TASK_ORCHESTRATOR_SERVICE)
    deployment["metadata"]["namespace"] = "elsewhere"

    assert "the namespace from the provided object" in refused(shop, deployment)


def test_a_deployment_whose_port_is_a_text_is_refused(shop: Shop) -> None:
    """As the offline check says."""
    deployment = changed(shop, "Deployment", EVENT_RELAY)
    deployment["spec"]["template"]["spec"]["containers"][0]["ports"][0]["containerPort"] = "8080"

    assert "containerPort" in refused(shop, deployment)


def a_pod() -> dict[str, Any]:
    """One that the namespace takes."""
    rights = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "bystander", "labels": {"app.kubernetes.io/name": "bystander"}},
        "spec": {
            "automountServiceAccountToken": False,
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{"name": "app", "image": "saga-shop:0.1.0", "securityContext": rights}],
        },
    }
