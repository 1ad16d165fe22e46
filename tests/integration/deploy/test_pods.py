"""How the pods run: without rights, watched by real endpoints, in bounds, and more than one where it counts."""

import pytest
from aiohttp import web

from devstack.programs.build import BROKER_FOLDER, pinned_broker
from shared.shop.inference import ML_INFERENCE_SERVICE
from shared.shop.registry import APPS, EVENT_RELAY
from shared.web.http import application
from tests.integration.deploy.manifests import OVERLAYS, PREPARE, Document, Manifests, containers, only_container
from tests.programs.kustomize import DEPLOY

pytestmark = pytest.mark.integration

PROBES = ("startupProbe", "livenessProbe", "readinessProbe")


@pytest.fixture
def every_pod(all_manifests: dict[str, Manifests]) -> list[tuple[str, Document]]:
    """The pods of all overlays and of the Job."""
    pods = [(f"{name}/{pod}", template) for name, one in all_manifests.items() for pod, template in one.pods.items()]
    assert pods
    return pods


def test_no_pod_has_rights_that_it_does_not_need(every_pod: list[tuple[str, Document]]) -> None:
    """The namespace refuses others (pod-security: restricted); a read-only root is more than that asks."""
    for name, pod in every_pod:
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False, name
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in containers(pod):
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"] is True
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}


def test_every_container_is_in_bounds(every_pod: list[tuple[str, Document]]) -> None:
    """Requests for the scheduler and the autoscaler, and a limit that keeps a leak to itself."""
    for name, pod in every_pod:
        for container in containers(pod):
            assert {"cpu", "memory"} <= set(container["resources"]["requests"]), name
            assert "memory" in container["resources"]["limits"], name


def test_every_image_has_a_tag(every_pod: list[tuple[str, Document]]) -> None:
    """`latest` is another program on another day."""
    for name, pod in every_pod:
        for container in containers(pod):
            assert container["image"].partition(":")[2] not in {"", "latest"}, name


def test_probes_ask_what_the_services_answer(manifests: Manifests) -> None:
    """Each path is a route of every service, and the container's own port."""

    async def ready() -> str | None:
        return None

    router = application(ready).router
    routes = {route.resource.canonical for route in router.routes() if isinstance(route.resource, web.Resource)}
    for app_id in APPS:
        container = only_container(manifests.pods[app_id])
        paths = [container[probe]["httpGet"]["path"] for probe in PROBES]
        assert ["/healthz", "/healthz", "/readyz"] == paths
        assert set(paths) <= routes
        assert {"http"} == {container[probe]["httpGet"]["port"] for probe in PROBES}


def test_a_pod_has_time_to_drain(manifests: Manifests) -> None:
    """The pause, ten seconds for running activities, four for HTTP, and then the sidecar, which ends after the app."""
    assert manifests.sidecars
    for pod in manifests.sidecars.values():
        annotations = pod["metadata"]["annotations"]
        pause = only_container(pod)["lifecycle"]["preStop"]["sleep"]["seconds"]
        needed = pause + 10 + 4 + int(annotations["dapr.io/graceful-shutdown-seconds"])
        assert annotations["dapr.io/enable-native-sidecar"] == "true"
        assert needed < pod["spec"]["terminationGracePeriodSeconds"]


def test_sidecars_notice_a_dead_connection(manifests: Manifests) -> None:
    """Without, a sidecar that placement has dropped believes for two hours that it is connected."""
    assert manifests.sidecars
    for pod in manifests.sidecars.values():
        sysctls = {one["name"]: one["value"] for one in pod["spec"]["securityContext"]["sysctls"]}
        assert {f"net.ipv4.tcp_keepalive_{name}": "3" for name in ("time", "intvl", "probes")} == sysctls


def test_production_has_more_than_one_pod_of_each(all_manifests: dict[str, Manifests]) -> None:
    """And what an autoscaler counts is written nowhere else: each `kubectl apply` would reset it."""
    production = all_manifests["production"]
    autoscalers = production.of_kind("HorizontalPodAutoscaler")

    assert {*APPS} - {EVENT_RELAY} == {one["spec"]["scaleTargetRef"]["name"] for one in autoscalers.values()}
    for one in autoscalers.values():
        assert 2 <= one["spec"]["minReplicas"] < one["spec"]["maxReplicas"]
        assert "replicas" not in production.of_kind("Deployment")[one["spec"]["scaleTargetRef"]["name"]]["spec"]
    assert production.of_kind("Deployment")[EVENT_RELAY]["spec"]["replicas"] == 2


def test_a_drained_node_takes_one_pod_of_an_app_at_a_time(all_manifests: dict[str, Manifests]) -> None:
    """Every app has a budget, which selects its own pods and none of another."""
    production = all_manifests["production"]
    budgets = production.of_kind("PodDisruptionBudget")

    assert set(APPS) == set(budgets)
    for name, budget in budgets.items():
        selected = budget["spec"]["selector"]["matchLabels"].items()
        assert [name] == [pod for pod, one in production.pods.items() if selected <= one["metadata"]["labels"].items()]
        assert budget["spec"]["maxUnavailable"] == 1


def test_only_the_inference_goes_to_the_gpus(all_manifests: dict[str, Manifests]) -> None:
    """Selected, tolerated, asked for, and passed to the service, which doesn't start without one."""
    with_gpu = {name: pod for name, pod in all_manifests["gpu"].pods.items() if "nodeSelector" in pod["spec"]}

    (pod,) = with_gpu.values()
    container = only_container(pod)
    assert [ML_INFERENCE_SERVICE] == list(with_gpu)
    assert {"nvidia.com/gpu.present": "true"} == pod["spec"]["nodeSelector"]
    assert "nvidia.com/gpu" in {one["key"] for one in pod["spec"]["tolerations"]}
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert {"name": "ML_PROVIDER", "value": "cuda"} in container["env"]
    assert not any("nodeSelector" in one["spec"] for one in all_manifests["production"].pods.values())


def test_a_release_asks_for_no_gpu_in_addition(all_manifests: dict[str, Manifests]) -> None:
    """There may be none to spare; every other app has a new pod first."""
    deployments = all_manifests["gpu"].of_kind("Deployment")

    assert ML_INFERENCE_SERVICE in deployments
    for name, deployment in deployments.items():
        surge = deployment["spec"]["strategy"]["rollingUpdate"]["maxSurge"]
        assert (name == ML_INFERENCE_SERVICE) == (surge == 0)


def test_the_job_prepares_in_order_before_anything_starts(all_manifests: dict[str, Manifests]) -> None:
    """A step begins when the one before it has succeeded."""
    (pod,) = all_manifests[PREPARE].pods.values()

    steps = [argument for container in containers(pod) for argument in container["args"]]
    assert [
        "devstack.postgres.prepare",
        "devstack.postgres.migrations",
        "audit_service.schema",
        "devstack.broker.streams",
    ] == steps
    assert pod["spec"]["restartPolicy"] == "OnFailure"


def test_the_broker_is_the_local_one(all_manifests: dict[str, Manifests]) -> None:
    """The same version with the same configuration: `sync_interval: always`, without which a power cut loses events."""
    demo = all_manifests["demo"]
    (configuration,) = (one for name, one in demo.of_kind("ConfigMap").items() if name.startswith("broker-"))

    assert (BROKER_FOLDER / "broker.conf").read_text() == configuration["data"]["broker.conf"]
    assert f"nats:{pinned_broker()}" == only_container(demo.pods["broker"])["image"]
    assert "broker" not in all_manifests["production"].pods
    assert (DEPLOY / "components" / "broker" / "broker.conf").read_text() == configuration["data"]["broker.conf"]


def test_the_overlays_are_all_tested() -> None:
    """A new one is held to the same promises."""
    assert sorted(OVERLAYS) == sorted(folder.name for folder in (DEPLOY / "overlays").iterdir())
