"""What the Tiltfile makes of its options, without starting anything."""

import json
import os
import subprocess
import sys
from pathlib import Path

from devstack.settings import load_settings
from devstack.topology.addresses import BROKER, MAILBOX, sidecar_of
from shared.shop.gateway import PAYMENT_GATEWAY
from shared.shop.registry import APPS, CORE_APPS
from tests.e2e.tilt.project import Project
from tests.e2e.tilt.tilt import Tilt
from tests.integration.devstack.harness import eventually
from tests.programs.kustomize import ensure_kustomize

PREPARE = "prepare"
CHECKS = {"chaos", "unit", "integration", "e2e"}
# Tilt takes the first for a cluster on this machine, the second for one that it must not touch. Neither is spoken to.
LOCAL_CLUSTER = "kind-test"
PRODUCTION_CLUSTER = "gke_acme_production"


def test_every_process_has_a_resource_that_waits_for_what_it_needs(tilt: Tilt) -> None:
    """The whole topology without options, and beside it only what a person looks at or clicks."""
    resources = resources_of(tilt)

    beside = {"runtime", "docs", "supervisor", "demo", "load", *CHECKS}
    assert set(APPS) | {sidecar_of(app_id) for app_id in APPS} <= set(resources)
    assert {"database", "placement"} <= resources[sidecar_of(CORE_APPS[0])]
    assert {"runtime"} == resources["supervisor"]
    assert set(resources) - beside <= resources["demo"]


def test_a_group_stands_alone(tilt: Tilt) -> None:
    """Nothing of it waits for what isn't started."""
    resources = resources_of(tilt, "--only", "core")

    assert {name for name in resources if name in APPS} == set(CORE_APPS)
    assert all(needed <= set(resources) for needed in resources.values())


def test_the_same_file_serves_a_cluster(tilt: Tilt, project: Project) -> None:
    """Every app, after the Job that prepares database and broker."""
    kustomize = Path(ensure_kustomize(load_settings(), print)[0]).parent
    variables = {
        "KUBECONFIG": kubeconfig_of(LOCAL_CLUSTER, project),
        "DATABASE_URL": "postgresql://admin:secret@postgres.example:5432/shop",
        "PATH": f"{kustomize}{os.pathsep}{os.environ['PATH']}",
    }

    resources = resources_of(tilt, "--kubernetes", **variables)

    assert {PREPARE, BROKER, MAILBOX, PAYMENT_GATEWAY, *APPS} == set(resources) - {"runtime", "uncategorized", *CHECKS}
    assert all({PREPARE} == resources[app_id] for app_id in APPS)
    assert {BROKER} == resources[PREPARE]


def test_a_kubectl_context_of_a_production_cluster_is_no_hindrance_on_this_machine(
    tilt: Tilt, project: Project
) -> None:
    """Nothing goes to the cluster then: neither starting nor ending needs another context."""
    kubeconfig = kubeconfig_of(PRODUCTION_CLUSTER, project)

    assert set(CORE_APPS) <= set(resources_of(tilt, KUBECONFIG=kubeconfig))

    ending = tilt.run("down", variables={"KUBECONFIG": kubeconfig})
    assert ending.returncode == 0, ending.stdout + ending.stderr


def test_a_production_cluster_is_refused(tilt: Tilt, project: Project) -> None:
    """Before anything is built or applied."""
    variables = {
        "KUBECONFIG": kubeconfig_of(PRODUCTION_CLUSTER, project),
        "DATABASE_URL": "postgresql://postgres.example/shop",
    }

    answer = tilt.run("alpha", "tiltfile-result", "--", "--kubernetes", variables=variables)

    assert answer.returncode != 0
    assert f"{PRODUCTION_CLUSTER} might be a production kube context" in answer.stdout + answer.stderr


def test_down_ends_what_runs(tilt: Tilt, project: Project) -> None:
    """Whoever started it: here a supervisor that nobody looks after any more."""
    environment = {**project.environment, "PYTHONPATH": str(project.folder)}
    supervisor = subprocess.Popen([sys.executable, "-m", "cli", "supervise"], cwd=project.folder, env=environment)
    try:
        eventually(tilt.stack.is_running, "the supervisor runs")

        answer = tilt.run("down")

        assert answer.returncode == 0, answer.stdout + answer.stderr
        assert supervisor.wait(30) == 0
    finally:
        supervisor.kill()
        supervisor.wait()


def resources_of(tilt: Tilt, *options: str, **variables: str) -> dict[str, set[str]]:
    """The Tiltfile's resources, each with those that it waits for."""
    answer = tilt.run("alpha", "tiltfile-result", "--", *options, variables=variables)
    assert answer.returncode == 0, answer.stdout[-2000:] + answer.stderr[-2000:]
    manifests = json.loads(answer.stdout)["Manifests"]
    return {row["Name"]: set(row["ResourceDependencies"] or ()) for row in manifests}


def kubeconfig_of(cluster: str, project: Project) -> str:
    """The path of a kubectl configuration whose context is this cluster."""
    path = project.folder / "kubeconfig"
    path.write_text(f"""\
apiVersion: v1
kind: Config
clusters: [{{name: {cluster}, cluster: {{server: "http://127.0.0.1:1"}}}}]
users: [{{name: test, user: {{}}}}]
contexts: [{{name: {cluster}, context: {{cluster: {cluster}, user: test}}}}]
current-context: {cluster}
""")
    return str(path)
