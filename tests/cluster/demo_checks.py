"""The overlay to try the shop, and the Job that prepares, on a real control plane: `make test-cluster`."""

import pytest

from devstack.topology.addresses import BROKER, MAILBOX
from shared.shop.gateway import PAYMENT_GATEWAY
from shared.shop.registry import APPS
from tests.cluster.pods import app_of, flags_of, has_sidecar, is_ready, sidecar_of
from tests.cluster.shop import Shop
from tests.integration.deploy.manifests import PREPARE
from tests.integration.devstack.harness import eventually

pytestmark = pytest.mark.e2e


def test_each_program_has_its_pod(demo: Shop) -> None:
    """One of each, ready, with a sidecar where it is an app."""
    pods = demo.pods()

    assert sorted([*APPS, PAYMENT_GATEWAY, BROKER, MAILBOX]) == sorted(app_of(pod) for pod in pods)
    assert all(is_ready(pod) for pod in pods)
    assert set(APPS) == {app_of(pod) for pod in pods if has_sidecar(pod)}
    assert all(flags_of(sidecar_of(pod))["--app-id"] == app_of(pod) for pod in pods if has_sidecar(pod))


def test_the_broker_has_its_volume(demo: Shop) -> None:
    """Its pod was placed, which takes a claim that is bound to a volume."""
    (claim,) = demo.kubectl.get("persistentvolumeclaims")
    (pod,) = demo.pods(BROKER)

    assert "data-broker-0" == claim["metadata"]["name"]
    assert "Bound" == claim["status"]["phase"]
    assert "broker-0" == pod["metadata"]["name"]


def test_each_service_leads_to_its_pod(demo: Shop) -> None:
    """Those of broker and mailbox as well."""
    expected = demo.endpoints_of_its_pods()

    assert set(demo.delivered.of_kind("Service")) == set(expected)
    eventually(lambda: demo.endpoints() == expected, "each service leads to its pod")


def test_the_job_has_its_pod_and_comes_to_its_end(demo: Shop) -> None:
    """Without a sidecar, which would outlive it. What its steps do is tested elsewhere: nothing runs here."""
    demo.kubectl.apply(*demo.manifests[PREPARE].documents)
    demo.kubectl.run("wait", "--for=condition=complete", "--timeout=120s", f"job/{PREPARE}")

    (pod,) = demo.pods(PREPARE)
    assert not has_sidecar(pod)
    assert "Succeeded" == pod["status"]["phase"]
    assert "Job" == pod["metadata"]["ownerReferences"][0]["kind"]
