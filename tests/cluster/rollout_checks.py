"""What controllers and scheduler make of the overlay for production, and of its next release: `make test-cluster`."""

from collections import Counter
from pathlib import Path

import pytest

from shared.shop.gateway import PAYMENT_GATEWAY
from shared.shop.payment import PAYMENT_SERVICE
from shared.shop.registry import APPS
from tests.cluster.kubectl import Document
from tests.cluster.pods import app_of, is_ready, name_of
from tests.cluster.shop import Shop
from tests.integration.devstack.harness import eventually

pytestmark = pytest.mark.e2e

NEXT_IMAGE = "saga-shop:0.1.1"


def take_next_image(deployment: Document) -> None:
    """What `kustomize edit set image` does."""
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    container["image"] = NEXT_IMAGE


def ask_too_much(deployment: Document) -> None:
    """A release that no node has room for."""
    if deployment["metadata"]["name"] == PAYMENT_SERVICE:
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        container["resources"]["requests"]["cpu"] = "1000"


def image_of(pod: Document) -> str:
    """The image of the app, not of the sidecar."""
    return str(pod["spec"]["containers"][0]["image"])


def test_everything_has_its_pods(shop: Shop) -> None:
    """Two of each app, one gateway, all ready."""
    pods = shop.pods()

    assert {**dict.fromkeys(APPS, 2), PAYMENT_GATEWAY: 1} == Counter(app_of(pod) for pod in pods)
    assert all(is_ready(pod) for pod in pods)


def test_an_app_is_spread_over_nodes(shop: Shop) -> None:
    """A node that is lost takes one pod of an app with it."""
    for app in APPS:
        assert len({pod["spec"]["nodeName"] for pod in shop.pods(app)}) == 2, app


def test_each_service_leads_to_its_ready_pods(shop: Shop) -> None:
    """The endpoints are the pods' addresses."""
    expected = shop.endpoints_of_its_pods()

    assert set(shop.delivered.of_kind("Service")) == set(expected)
    eventually(lambda: shop.endpoints() == expected, "each service leads to its pods")


def test_the_autoscalers_hold_their_deployments(shop: Shop) -> None:
    """The manifests say no number of pods: the second one is theirs. For more they need metrics, and have none here."""
    autoscalers = shop.delivered.of_kind("HorizontalPodAutoscaler")

    assert autoscalers
    for name, autoscaler in autoscalers.items():
        (deployment,) = shop.kubectl.get("deployments", f"--field-selector=metadata.name={name}")
        assert "replicas" not in shop.delivered.of_kind("Deployment")[name]["spec"]
        assert autoscaler["spec"]["minReplicas"] == deployment["spec"]["replicas"] == 2

    def said() -> set[tuple[str, str]]:
        return {
            (one["type"], one["reason"])
            for autoscaler in shop.kubectl.get("horizontalpodautoscalers")
            for one in autoscaler["status"].get("conditions", [])
        }

    expected = {("AbleToScale", "SucceededGetScale"), ("ScalingActive", "FailedGetResourceMetric")}
    eventually(lambda: said() == expected, "every autoscaler can scale, and lacks metrics only")


def test_a_release_takes_no_pod_away_before_its_successor_is_ready(as_delivered: Shop, tmp_path: Path) -> None:
    """All apps at once: at no moment has one fewer ready pods than before."""
    shop = as_delivered
    wanted = Counter(app_of(pod) for pod in shop.pods())
    with shop.kubectl.watching("pods", tmp_path / "pods.json") as watch:
        shop.deploy(change=take_next_image)
        eventually(lambda: shop.has_all(watch.last()), "the watch has seen all of it")

    assert {NEXT_IMAGE} == {image_of(pod) for pod in watch.last()}
    moments = list(watch.moments())
    assert moments
    for pods in moments:
        ready = Counter(app_of(pod) for pod in pods if is_ready(pod))
        assert all(ready[app] >= count for app, count in wanted.items())


def test_a_release_without_room_leaves_the_old_pods(as_delivered: Shop) -> None:
    """They go on until somebody takes it back."""
    shop = as_delivered
    old = {name_of(pod) for pod in shop.pods(PAYMENT_SERVICE)}

    shop.apply(change=ask_too_much)

    eventually(lambda: shop.unplaced(PAYMENT_SERVICE), "the scheduler has no node for the new pod")
    assert "3 Insufficient cpu" in shop.unplaced(PAYMENT_SERVICE)[0]
    assert old == {name_of(pod) for pod in shop.pods(PAYMENT_SERVICE) if is_ready(pod)}

    shop.kubectl.run("rollout", "undo", f"deployment/{PAYMENT_SERVICE}")
    shop.settle()
    assert old == {name_of(pod) for pod in shop.pods(PAYMENT_SERVICE)}
