"""Nodes of KWOK's: they take pods, and say of each that it runs and is ready. Nothing runs on them."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests.cluster.kubectl import Document, Kubectl
from tests.cluster.programs import Programs
from tests.integration.devstack.harness import running

NODES = ("node-1", "node-2", "node-3")
GPU_NODES = ("gpu-1", "gpu-2")
GPU = "nvidia.com/gpu"
READY = "60s"


@contextlib.contextmanager
def nodes(programs: Programs, kubectl: Kubectl, folder: Path) -> Iterator[None]:
    """Three nodes, and KWOK in the place of their kubelets; nodes that join later are in its care as well."""
    kwok = [
        str(programs.kwok),
        f"--kubeconfig={kubectl.kubeconfig}",
        "--manage-all-nodes=true",
        # Beside the addresses of the services.
        "--cidr=10.1.0.1/16",
        "--node-ip=192.0.2.1",
        # As a kubelet's. Without leases the controllers take the nodes for lost after a minute.
        "--node-lease-duration-seconds=40",
    ]
    with running(kwok, {"KWOK_WORKDIR": str(folder / "kwok")}, folder / "kwok.log"):
        join(kubectl, *(_node(name) for name in NODES))
        yield


def join(kubectl: Kubectl, *joining: Document) -> None:
    """New nodes, once they are ready."""
    kubectl.apply(*joining)
    names = [one["metadata"]["name"] for one in joining]
    kubectl.run("wait", "--for=condition=Ready", f"--timeout={READY}", "node", *names)


def gpu_node(name: str) -> Document:
    """A node with one GPU, labelled and tainted as NVIDIA's GPU operator does."""
    node = _node(name)
    node["metadata"]["labels"][f"{GPU}.present"] = "true"
    node["spec"] = {"taints": [{"key": GPU, "value": "present", "effect": "NoSchedule"}]}
    for resources in (node["status"]["capacity"], node["status"]["allocatable"]):
        resources[GPU] = "1"
    return node


def _node(name: str) -> Document:
    resources = {"cpu": "32", "memory": "128Gi", "pods": "110"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}},
        "status": {"capacity": {**resources}, "allocatable": {**resources}},
    }
