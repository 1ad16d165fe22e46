"""The manifests of one overlay, as kustomize renders them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import yaml

from tests.programs.kustomize import DEPLOY, Command, render

Document = dict[str, Any]

OVERLAYS: Final = ("demo", "production", "gpu")
PREPARE: Final = "prepare"
NAMESPACE: Final = "saga-shop"


@dataclass(frozen=True)
class Manifests:
    """What `kubectl apply -k` would send."""

    documents: tuple[Document, ...]

    def of_kind(self, kind: str) -> dict[str, Document]:
        """All of a kind, by name."""
        return {one["metadata"]["name"]: one for one in self.documents if one["kind"] == kind}

    @property
    def pods(self) -> dict[str, Document]:
        """The templates of pods, by the name of what makes them."""
        makers = (one for one in self.documents if one["kind"] in {"Deployment", "StatefulSet", "Job"})
        return {one["metadata"]["name"]: one["spec"]["template"] for one in makers}

    @property
    def sidecars(self) -> dict[str, Document]:
        """The templates of those pods that get a sidecar, by app id."""
        found = {}
        for pod in self.pods.values():
            annotations = pod["metadata"].get("annotations", {})
            if annotations.get("dapr.io/enabled") == "true":
                found[annotations["dapr.io/app-id"]] = pod
        return found

    @property
    def config(self) -> dict[str, str]:
        """The settings that the apps share; its name ends in a hash of what is in it."""
        (name,) = (name for name in self.of_kind("ConfigMap") if name.startswith("shop-"))
        found: dict[str, str] = self.of_kind("ConfigMap")[name]["data"]
        return found


def rendered(command: Command, folder: str) -> Manifests:
    """The manifests of an overlay, or of the Job that prepares."""
    place = DEPLOY / folder if folder == PREPARE else DEPLOY / "overlays" / folder
    return Manifests(tuple(yaml.safe_load_all(render(command, place))))


def containers(pod: Document) -> list[Document]:
    """The containers of a pod, those that come first included."""
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


def only_container(pod: Document) -> Document:
    """The one container of a pod."""
    (container,) = containers(pod)
    found: Document = container
    return found


def references(pod: Document, kind: str) -> Iterator[tuple[str, str]]:
    """The (name, key) that a pod's environment takes from secrets (`secretKeyRef`) or settings (`configMapKeyRef`)."""
    for container in containers(pod):
        for variable in container.get("env", []):
            found = variable.get("valueFrom", {}).get(kind)
            if found is not None:
                yield found["name"], found["key"]


def matches(selector: Document, labels: dict[str, str]) -> bool:
    """Whether a label selector takes these labels; of expressions only `In`."""
    exact = selector.get("matchLabels", {})
    among = selector.get("matchExpressions", [])
    return all(labels.get(key) == value for key, value in exact.items()) and all(
        labels.get(one["key"]) in one["values"] for one in among
    )
