"""The shop in a cluster, as one of its overlays brings it."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass

from tests.cluster.kubectl import Document, Kubectl
from tests.cluster.pods import app_of, is_leaving, is_ready, why_unplaced
from tests.integration.deploy.manifests import Manifests

ROLLED_OUT_WITHIN = "--timeout=180s"
MAKERS = ("Deployment", "StatefulSet")
PART_OF_IT = "app.kubernetes.io/part-of=saga-shop"
# What the server and its controllers write of an object.
WRITTEN_BY_THE_CLUSTER = ("resourceVersion", "managedFields")


@dataclass(frozen=True)
class Shop:
    """An overlay and the cluster that it was applied to."""

    kubectl: Kubectl
    manifests: dict[str, Manifests]
    overlay: str

    @property
    def delivered(self) -> Manifests:
        """What was applied first."""
        return self.manifests[self.overlay]

    def deploy(self, overlay: str | None = None, change: Callable[[Document], None] | None = None) -> None:
        """Apply an overlay, each of its Deployments changed first, and wait until all is rolled out."""
        self.apply(overlay, change)
        self.settle(overlay)

    def apply(self, overlay: str | None = None, change: Callable[[Document], None] | None = None) -> str:
        """Apply an overlay, and wait for nothing; what kubectl says of each object."""
        documents = deepcopy(self.manifests[overlay or self.overlay].documents)
        for document in documents:
            if change is not None and document["kind"] == "Deployment":
                change(document)
        return self.kubectl.apply(*documents)

    def settle(self, overlay: str | None = None) -> None:
        """Wait until there are as many pods as manifests and autoscalers say, all ready and of the last release."""
        makers = defaultdict(list)
        for name, count in self.replicas(overlay).items():
            makers[count].append(name)
        for count, names in makers.items():
            self.kubectl.run("wait", f"--for=jsonpath={{.spec.replicas}}={count}", ROLLED_OUT_WITHIN, *names)
        self.kubectl.run("rollout", "status", "deployment,statefulset", f"--selector={PART_OF_IT}", ROLLED_OUT_WITHIN)

    def replicas(self, overlay: str | None = None) -> dict[str, int]:
        """How many pods each Deployment and StatefulSet is to have: `deployment/order-service`."""
        manifests = self.manifests[overlay or self.overlay]
        scaled = {
            one["spec"]["scaleTargetRef"]["name"]: one["spec"]["minReplicas"]
            for one in manifests.of_kind("HorizontalPodAutoscaler").values()
        }
        return {
            f"{kind.lower()}/{name}": scaled.get(name, one["spec"].get("replicas", 1))
            for kind in MAKERS
            for name, one in manifests.of_kind(kind).items()
        }

    def has_all(self, pods: list[Document]) -> bool:
        """Whether these are all pods that the overlay is to have, every one ready and none leaving."""
        wanted = {name.partition("/")[2]: count for name, count in self.replicas().items()}
        return wanted == Counter(app_of(pod) for pod in pods) and all(map(is_ready, pods))

    def pods(self, app: str | None = None) -> list[Document]:
        """The pods of an app, or of all, without those that are leaving."""
        selector = PART_OF_IT if app is None else f"{PART_OF_IT},app.kubernetes.io/name={app}"
        return [pod for pod in self.kubectl.get("pods", f"--selector={selector}") if not is_leaving(pod)]

    def unplaced(self, app: str) -> list[str]:
        """What the scheduler says of each pod of an app that it found no node for."""
        return [why for pod in self.pods(app) if (why := why_unplaced(pod))]

    def endpoints_of_its_pods(self) -> dict[str, dict[str, bool]]:
        """What `endpoints` says once each Service leads to all pods of its app, and all are ready."""
        addresses: dict[str, dict[str, bool]] = {}
        for pod in self.pods():
            addresses.setdefault(app_of(pod), {})[pod["status"]["podIP"]] = True
        return addresses

    def endpoints(self) -> dict[str, dict[str, bool]]:
        """The addresses behind each Service, and whether requests are sent there."""
        found: dict[str, dict[str, bool]] = {}
        for one in self.kubectl.get("endpointslices"):
            addresses = found.setdefault(one["metadata"]["labels"]["kubernetes.io/service-name"], {})
            for endpoint in one["endpoints"] or ():
                addresses.update(dict.fromkeys(endpoint["addresses"], endpoint["conditions"]["ready"]))
        return found

    def say_not_ready(self, pod: str) -> None:
        """In the kubelet's place: the pod's readiness probe fails."""
        status = {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}
        self.kubectl.run("patch", "pod", pod, "--subresource=status", "--patch", json.dumps(status))

    def kept(self) -> dict[tuple[str, str], Document]:
        """Each object of the overlay as the cluster keeps it, without what controllers find out about it."""
        documents = self.delivered.documents
        kinds = ",".join(sorted({f"{one['kind']}.{_group(one)}" for one in documents if one["kind"] != "Namespace"}))
        names = {(one["kind"], one["metadata"]["name"]) for one in documents}
        found = {(one["kind"], one["metadata"]["name"]): one for one in self.kubectl.get(kinds)}
        return {key: _as_written(found[key]) for key in names & found.keys()}


def _as_written(found: Document) -> Document:
    metadata = {key: value for key, value in found["metadata"].items() if key not in WRITTEN_BY_THE_CLUSTER}
    return {**found, "metadata": metadata, "status": None}


def _group(document: Document) -> str:
    """The group of its kind; `v1` has none."""
    group, slash, version = str(document["apiVersion"]).rpartition("/")
    return f"{version}.{group}" if slash else version + "."
