"""How a pod looks to whoever reads it."""

from itertools import pairwise

from tests.cluster.kubectl import Document

SIDECAR = "daprd"


def name_of(pod: Document) -> str:
    """The pod's own name."""
    return str(pod["metadata"]["name"])


def app_of(pod: Document) -> str:
    """The app that it is a pod of."""
    return str(pod["metadata"]["labels"]["app.kubernetes.io/name"])


def has_sidecar(pod: Document) -> bool:
    """Whether the injector added one, in whatever place."""
    return SIDECAR in {one["name"] for one in (*pod["spec"].get("initContainers", []), *pod["spec"]["containers"])}


def sidecar_of(pod: Document) -> Document:
    """The container that the injector added; a native sidecar stands among those that come first."""
    (found,) = (one for one in pod["spec"].get("initContainers", []) if one["name"] == SIDECAR)
    sidecar: Document = found
    return sidecar


def flags_of(sidecar: Document) -> dict[str, str]:
    """The sidecar's flags."""
    arguments = sidecar["args"]
    return {flag: value for flag, value in pairwise(arguments) if flag.startswith("--")}


def is_leaving(pod: Document) -> bool:
    """Whether it was asked to end."""
    return "deletionTimestamp" in pod["metadata"]


def is_ready(pod: Document) -> bool:
    """Whether it counts: requests are sent to it, and a roll-out relies on it."""
    return not is_leaving(pod) and _condition(pod, "Ready").get("status") == "True"


def why_unplaced(pod: Document) -> str:
    """What the scheduler says of a pod that it found no node for; empty if it has one."""
    placed = _condition(pod, "PodScheduled")
    return str(placed["message"]) if placed.get("reason") == "Unschedulable" else ""


def _condition(pod: Document, kind: str) -> Document:
    conditions: list[Document] = pod["status"].get("conditions", [])
    return next((one for one in conditions if one["type"] == kind), {})
