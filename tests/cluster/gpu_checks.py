"""Production with the fraud model on GPUs, on a real scheduler: `make test-cluster`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.shop.inference import ML_INFERENCE_SERVICE
from shared.shop.registry import APPS
from tests.cluster.kubectl import Document
from tests.cluster.nodes import GPU_NODES, NODES, gpu_node, join
from tests.cluster.pods import app_of, flags_of, is_ready, name_of, sidecar_of
from tests.cluster.shop import Shop
from tests.integration.devstack.harness import eventually

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def without_gpus(shop: Shop) -> Iterator[Shop]:
    """The overlay for GPUs, applied where no node has one."""
    shop.apply("gpu")
    yield shop
    shop.deploy()
    shop.kubectl.run("delete", "node", "--ignore-not-found", *GPU_NODES)


@pytest.fixture(scope="module")
def with_gpus(without_gpus: Shop) -> Shop:
    """Then nodes join, with as many GPUs as there are to be pods, and the roll-out goes on."""
    join(without_gpus.kubectl, *map(gpu_node, GPU_NODES))
    without_gpus.settle("gpu")
    return without_gpus


def inference(pods: list[Document]) -> list[Document]:
    """Those of the fraud model."""
    return [pod for pod in pods if app_of(pod) == ML_INFERENCE_SERVICE]


def test_without_a_gpu_the_new_pod_waits(without_gpus: Shop) -> None:
    """And an old one goes on."""
    eventually(lambda: without_gpus.unplaced(ML_INFERENCE_SERVICE), "the scheduler has no node for the new pod")
    (why,) = without_gpus.unplaced(ML_INFERENCE_SERVICE)
    assert "3 node(s) didn't match Pod's node affinity/selector" in why

    def ready() -> list[bool]:
        return sorted(is_ready(pod) for pod in without_gpus.pods(ML_INFERENCE_SERVICE))

    eventually(lambda: ready() == [False, True], "of the two old pods one is left")


def test_the_inference_is_on_the_gpus_and_nothing_else(with_gpus: Shop) -> None:
    """One pod on each, with its sidecar; everything else is on the other nodes."""
    places: dict[str, set[str]] = {}
    for pod in with_gpus.pods():
        places.setdefault(app_of(pod), set()).add(pod["spec"]["nodeName"])

    assert {*GPU_NODES} == places.pop(ML_INFERENCE_SERVICE)
    assert {*APPS} - {ML_INFERENCE_SERVICE} < set(places)
    assert set.union(*places.values()) <= {*NODES}
    inferences = with_gpus.pods(ML_INFERENCE_SERVICE)
    assert inferences
    for pod in inferences:
        assert flags_of(sidecar_of(pod))["--app-id"] == ML_INFERENCE_SERVICE


def test_a_release_needs_no_gpu_to_spare(with_gpus: Shop, tmp_path: Path) -> None:
    """An old pod makes room for a new one, while the other goes on."""
    old = {name_of(pod) for pod in with_gpus.pods(ML_INFERENCE_SERVICE)}
    with with_gpus.kubectl.watching("pods", tmp_path / "pods.json") as watch:
        with_gpus.kubectl.run("rollout", "restart", f"deployment/{ML_INFERENCE_SERVICE}")
        with_gpus.settle("gpu")
        eventually(lambda: with_gpus.has_all(watch.last()), "the watch has seen all of it")

    assert not old & {name_of(pod) for pod in inference(watch.last())}
    moments = list(watch.moments())
    assert moments
    for pods in moments:
        assert sum(map(is_ready, inference(pods))) >= 1
