"""One cluster for all checks, and the shop in it: as the overlay for production brings it, or another one."""

import contextlib
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree

import pytest

from devstack.cluster.secrets import cluster_secrets
from devstack.postgres.passwords import load_passwords
from devstack.settings import load_settings
from tests.cluster.control_plane import control_plane
from tests.cluster.dapr import dapr_control_plane
from tests.cluster.kubectl import Kubectl
from tests.cluster.nodes import nodes
from tests.cluster.programs import ensure_programs
from tests.cluster.shop import Shop
from tests.integration.deploy.dapr_module import custom_resources
from tests.integration.deploy.manifests import NAMESPACE, OVERLAYS, PREPARE, Manifests, rendered
from tests.programs.kustomize import DEPLOY, ensure_kustomize

DATABASE = "postgresql://admin:secret@postgres.example:5432/shop"


@dataclass(frozen=True)
class Cluster:
    """A cluster with Dapr and nodes, and what can be brought into it."""

    kubectl: Kubectl
    manifests: dict[str, Manifests]
    folder: Path


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Real in all but the nodes."""
    settings = load_settings()
    programs = ensure_programs(settings, print)
    kustomize = ensure_kustomize(settings, print)
    manifests = {name: rendered(kustomize, name) for name in (*OVERLAYS, PREPARE)}
    folder = Path(tempfile.mkdtemp(prefix="saga-shop-cluster-"))
    with (
        control_plane(programs, folder) as kubectl,
        nodes(programs, kubectl, folder),
        dapr_control_plane(programs, kubectl, custom_resources(), folder),
    ):
        yield Cluster(kubectl, manifests, folder)
    rmtree(folder)


@contextlib.contextmanager
def _shop(cluster: Cluster, overlay: str) -> Iterator[Shop]:
    kubectl, home = cluster.kubectl, cluster.folder / "home"
    kubectl.run("apply", "-f", str(DEPLOY / "base" / "namespace.yaml"))
    deployed = load_settings(home=home, database_url=DATABASE)
    kubectl.run(
        "apply", "-f", "-", stdin=json.dumps(cluster_secrets(deployed, load_passwords(load_settings(home=home))))
    )
    shop = Shop(kubectl, cluster.manifests, overlay)
    shop.deploy()
    yield shop
    kubectl.run("delete", "namespace", NAMESPACE, "--timeout=120s")


@pytest.fixture(scope="session")
def shop(cluster: Cluster) -> Iterator[Shop]:
    """The overlay for production, rolled out."""
    with _shop(cluster, "production") as shop:
        yield shop


@pytest.fixture(scope="module")
def demo(cluster: Cluster) -> Iterator[Shop]:
    """The overlay to try it, rolled out, and gone after its module, which comes before those of production."""
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": "of-the-broker"},
        # What a cluster's own provisioner would make.
        "spec": {
            "capacity": {"storage": "10Gi"},
            "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": "/var/lib/of-the-broker"},
        },
    }
    cluster.kubectl.apply(volume)
    with _shop(cluster, "demo") as shop:
        yield shop


@pytest.fixture
def as_delivered(shop: Shop) -> Iterator[Shop]:
    """For checks that change the shop: it is brought back to what was applied first."""
    yield shop
    shop.deploy()
