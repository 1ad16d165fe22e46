"""A real control plane: etcd, API server, and controllers and scheduler with the rights that a cluster gives them."""

import contextlib
import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from devstack.topology.addresses import LOOPBACK, free_block
from tests.cluster.kubectl import Kubectl
from tests.cluster.programs import Programs
from tests.integration.devstack.harness import eventually, running

READY_SECONDS = 90.0
ADMIN = "admin"
CONTROLLERS = "system:kube-controller-manager"
SCHEDULER = "system:kube-scheduler"
GROUPS = {ADMIN: "system:masters", CONTROLLERS: "", SCHEDULER: ""}
# Each controller has an account of its own, by which Dapr's injector knows it; these make the shop's pods.
MAKERS_OF_PODS = ("replicaset-controller", "statefulset-controller", "job-controller")


@contextlib.contextmanager
def control_plane(programs: Programs, folder: Path) -> Iterator[Kubectl]:
    """The cluster, ended with the tests."""
    etcd_port, peer_port, api_port = range(first := free_block(10), first + 3)
    keys = folder / "service-accounts.key"
    subprocess.run(["openssl", "genrsa", "-out", keys, "2048"], check=True, capture_output=True)
    (folder / "tokens.csv").write_text("".join(f'{_token(user)},{user},{user},"{GROUPS[user]}"\n' for user in GROUPS))
    kubeconfigs = {user: _kubeconfig(folder, api_port, user) for user in GROUPS}
    kubectl = Kubectl(programs.kubectl, kubeconfigs[ADMIN])
    etcd_url = f"http://{LOOPBACK}:{etcd_port}"
    with ExitStack() as stack:

        def start(name: str, program: Path, **flags: object) -> None:
            options = [f"--{flag.replace('_', '-')}={value}" for flag, value in flags.items()]
            stack.enter_context(running([str(program), *options], {}, folder / f"{name}.log"))

        start(
            "etcd",
            programs.etcd,
            data_dir=folder / "etcd",
            listen_client_urls=etcd_url,
            advertise_client_urls=etcd_url,
            listen_peer_urls=f"http://{LOOPBACK}:{peer_port}",
            unsafe_no_fsync="true",
        )
        start(
            "kube-apiserver",
            programs.kubernetes / "kube-apiserver",
            etcd_servers=etcd_url,
            secure_port=api_port,
            bind_address=LOOPBACK,
            advertise_address=LOOPBACK,
            cert_dir=folder / "certificates",
            service_cluster_ip_range="10.0.0.0/24",
            service_account_issuer=f"https://{LOOPBACK}:{api_port}",
            service_account_key_file=keys,
            service_account_signing_key_file=keys,
            authorization_mode="RBAC",
            token_auth_file=folder / "tokens.csv",
            endpoint_reconciler_type="none",
        )
        eventually(lambda: kubectl.answers("/readyz"), "the API server is ready", READY_SECONDS)
        alone = {"leader_elect": "false", "secure_port": 0}
        start(
            "kube-controller-manager",
            programs.kubernetes / "kube-controller-manager",
            kubeconfig=kubeconfigs[CONTROLLERS],
            use_service_account_credentials="true",
            service_account_private_key_file=keys,
            # The default is 15 s.
            horizontal_pod_autoscaler_sync_period="3s",
            **alone,
        )
        start("kube-scheduler", programs.kubernetes / "kube-scheduler", kubeconfig=kubeconfigs[SCHEDULER], **alone)
        system = replace(kubectl, namespace="kube-system")
        eventually(lambda: _have_accounts(system), "the controllers have their accounts", READY_SECONDS)
        yield kubectl


def _have_accounts(system: Kubectl) -> bool:
    return {*MAKERS_OF_PODS} <= {one["metadata"]["name"] for one in system.get("serviceaccounts")}


def _token(user: str) -> str:
    return f"{user.replace(':', '-')}-of-a-throwaway-cluster"


def _kubeconfig(folder: Path, api_port: int, user: str) -> Path:
    file = folder / f"{user.replace(':', '-')}.kubeconfig"
    server = {"server": f"https://{LOOPBACK}:{api_port}", "insecure-skip-tls-verify": True}
    file.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "cluster", "cluster": server}],
                "users": [{"name": user, "user": {"token": _token(user)}}],
                "contexts": [{"name": "it", "context": {"cluster": "cluster", "user": user}}],
                "current-context": "it",
            }
        )
    )
    return file
