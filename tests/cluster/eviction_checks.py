"""Nodes that are drained, and pods that aren't ready, on a real control plane: `make test-cluster`."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.shop.order import ORDER_SERVICE
from shared.shop.registry import APPS
from tests.cluster.kubectl import RefusedError
from tests.cluster.nodes import NODES
from tests.cluster.pods import app_of, is_ready, name_of
from tests.cluster.shop import PART_OF_IT, Shop
from tests.integration.devstack.harness import eventually

pytestmark = pytest.mark.e2e

DRAINED, *OTHERS = NODES


@pytest.fixture
def all_on_one_node(shop: Shop) -> Iterator[Shop]:
    """All pods on the node that is drained, and the others open again."""
    shop.kubectl.run("cordon", *OTHERS)
    shop.kubectl.run("rollout", "restart", "deployment", f"--selector={PART_OF_IT}")
    shop.settle()
    shop.kubectl.run("uncordon", *OTHERS)
    yield shop
    shop.kubectl.run("uncordon", *NODES)
    shop.deploy()


def allowed(shop: Shop, app: str) -> int:
    """How many pods of an app may be evicted now, as its budget says."""
    (budget,) = shop.kubectl.get("poddisruptionbudgets", f"--field-selector=metadata.name={app}")
    count: int = budget["status"].get("disruptionsAllowed", 0)
    return count


def test_a_pod_that_is_not_ready_gets_no_requests(as_delivered: Shop) -> None:
    """Its service leads to the other one alone."""
    shop = as_delivered
    first, second = shop.pods(ORDER_SERVICE)

    shop.say_not_ready(name_of(first))

    expected = {first["status"]["podIP"]: False, second["status"]["podIP"]: True}
    eventually(lambda: shop.endpoints()[ORDER_SERVICE] == expected, "requests go to the pod that is ready")
    shop.kubectl.evict(name_of(first))


def test_the_last_ready_pod_of_an_app_is_not_evicted(as_delivered: Shop) -> None:
    """Its budget says so; a pod that isn't ready holds up no node, even if none is."""
    shop = as_delivered
    first, second = map(name_of, shop.pods(ORDER_SERVICE))
    eventually(lambda: allowed(shop, ORDER_SERVICE) == 1, "one pod may be evicted")

    shop.say_not_ready(first)
    eventually(lambda: allowed(shop, ORDER_SERVICE) == 0, "none may be evicted")
    with pytest.raises(RefusedError, match="would violate the pod's disruption budget"):
        shop.kubectl.evict(second)
    assert second in {name_of(pod) for pod in shop.pods(ORDER_SERVICE) if is_ready(pod)}

    shop.say_not_ready(second)
    for pod in (first, second):
        shop.kubectl.evict(pod)
    shop.settle()
    assert not {first, second} & {name_of(pod) for pod in shop.pods(ORDER_SERVICE)}


def test_a_drained_node_leaves_a_ready_pod_of_each_app(all_on_one_node: Shop, tmp_path: Path) -> None:
    """At every moment, though all pods were on that node."""
    shop = all_on_one_node
    assert {DRAINED} == {pod["spec"]["nodeName"] for pod in shop.pods()}

    with shop.kubectl.watching("pods", tmp_path / "pods.json") as watch:
        shop.kubectl.run("drain", DRAINED, "--delete-emptydir-data", f"--pod-selector={PART_OF_IT}", "--timeout=180s")
        eventually(lambda: shop.has_all(watch.last()), "the watch has seen all pods on other nodes")

    assert {*OTHERS} == {pod["spec"]["nodeName"] for pod in watch.last()}
    moments = list(watch.moments())
    assert moments
    for pods in moments:
        ready = Counter(app_of(pod) for pod in pods if is_ready(pod))
        assert all(ready[app] >= 1 for app in APPS)
