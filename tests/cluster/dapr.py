"""Dapr's own part of a cluster: its definitions, the certificate authority, and the injector behind its webhook."""

import base64
import contextlib
import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from devstack.programs.build import pinned_version
from devstack.topology.addresses import LOOPBACK, free_block
from tests.cluster.kubectl import Document, Kubectl
from tests.cluster.programs import Programs
from tests.integration.devstack.harness import eventually, running

SYSTEM = "dapr-system"
INJECTOR = "dapr-injector"
WEBHOOK = "dapr-sidecar-injector"
TRUST = "dapr-trust-bundle"
AUDIENCE = f"spiffe://cluster.local/ns/{SYSTEM}/dapr-sentry"
READY_SECONDS = 60.0
# Where the injector looks for its token, which its pod would have mounted.
TOKEN_FOLDER = "/run/secrets/dapr.io/sentrytoken"
UNCHECKED = {"DAPR_UNSAFE_SKIP_CONTAINER_UID_GID_CHECK": "true", "NAMESPACE": SYSTEM}


@contextlib.contextmanager
def dapr_control_plane(programs: Programs, kubectl: Kubectl, definitions: Path, folder: Path) -> Iterator[None]:
    """Sentry and injector, as processes; pods that are made from now on get their sidecar."""
    system = replace(kubectl, namespace=SYSTEM)
    kubectl.run("apply", "--server-side", "-f", str(definitions))
    kubectl.run("wait", "--for=condition=Established", "--timeout=60s", "crd", "--all")
    system.apply(*_resources())
    ports = _ports()
    authority = folder / "authority"
    authority.mkdir()
    sentry = [
        str(programs.dapr / "sentry"),
        "--mode=kubernetes",
        "--trust-domain=cluster.local",
        f"--issuer-credentials={authority}",
        *_listening(kubectl, ports[0], ports[1], ports[2]),
    ]
    with running(sentry, UNCHECKED, folder / "sentry.log"):
        eventually(lambda: healthy(ports[1]), "sentry is ready", READY_SECONDS)
        root = folder / "ca.crt"
        root.write_text(_trust_anchors(system))
        injector, environment = _injector(programs, system, folder, ports)
        # The injector looks for its webhook when it starts.
        system.apply(*_webhook(ports[3], root.read_bytes()))
        with running(injector, environment, folder / "injector.log"):
            eventually(lambda: healthy(ports[4]), "the injector is ready", READY_SECONDS)
            yield


def healthy(port: int) -> bool:
    """Whether a program of Dapr's says that it is ready."""
    try:
        with urllib.request.urlopen(f"http://{LOOPBACK}:{port}/healthz", timeout=2) as answer:
            return bool(answer.status < 300)
    except (urllib.error.URLError, OSError):
        return False


def _injector(programs: Programs, system: Kubectl, folder: Path, ports: list[int]) -> tuple[list[str], dict[str, str]]:
    token = folder / "token"
    token.write_text(
        system.run(
            "create", "token", INJECTOR, "--bound-object-kind=Pod", f"--bound-object-name={INJECTOR}",
            f"--audience={AUDIENCE}", "--duration=1h",
        ).strip()
    )  # fmt: skip
    place = f"mount -t tmpfs none /run && mkdir -p {TOKEN_FOLDER} && cp {token} {TOKEN_FOLDER}/token"
    program = [str(programs.dapr / "injector"), *_listening(system, ports[3], ports[4], ports[5])]
    isolated = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    environment = {
        **UNCHECKED,
        "SIDECAR_IMAGE": f"daprio/daprd:{pinned_version()}",
        "KUBE_CLUSTER_DOMAIN": "cluster.local",
        "DAPR_TRUST_ANCHORS_FILE": str(folder / "ca.crt"),
        "DAPR_CONTROL_PLANE_TRUST_DOMAIN": "cluster.local",
        "DAPR_SENTRY_ADDRESS": f"{LOOPBACK}:{ports[0]}",
        "ACTORS_ENABLED": "true",
        "ACTORS_SERVICE_NAME": "placement",
        "ACTORS_SERVICE_ADDRESS": "dapr-placement-server:50005",
        # As the chart sets them, and as docs/kubernetes.md asks for.
        "SIDECAR_RUN_AS_NON_ROOT": "true",
        "SIDECAR_READ_ONLY_ROOT_FILESYSTEM": "true",
        "SIDECAR_DROP_ALL_CAPABILITIES": "true",
    }
    return [*isolated, "sh", "-c", f'{place} && exec "$@"', "sh", *program], environment


def _listening(kubectl: Kubectl, port: int, health: int, metrics: int) -> list[str]:
    return [
        f"--kubeconfig={kubectl.kubeconfig}",
        f"--port={port}",
        f"--listen-address={LOOPBACK}",
        f"--healthz-port={health}",
        f"--healthz-listen-address={LOOPBACK}",
        f"--metrics-port={metrics}",
    ]


def _resources() -> tuple[Document, ...]:
    """What Dapr's chart would make, as far as sentry and injector look at it."""

    def one(kind: str, name: str, version: str = "v1", **rest: Any) -> Document:  # noqa: ANN401 - a document's parts
        metadata = {"name": name, "namespace": SYSTEM, **rest.pop("metadata", {})}
        return {"apiVersion": version, "kind": kind, "metadata": metadata, **rest}

    pod = {
        "serviceAccountName": INJECTOR,
        "containers": [{"name": "injector", "image": f"daprio/injector:{pinned_version()}"}],
    }
    return (
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM}},
        one("Secret", TRUST),
        one("ConfigMap", TRUST),
        one(
            "Configuration",
            "daprsystem",
            "dapr.io/v1alpha1",
            spec={
                "mtls": {
                    "enabled": True,
                    "workloadCertTTL": "24h",
                    "allowedClockSkew": "15m",
                    "sentryAddress": "sentry",
                    "controlPlaneTrustDomain": "cluster.local",
                }
            },
        ),
        one("ServiceAccount", INJECTOR),
        # The process stands for this pod: its token is bound to it.
        one("Pod", INJECTOR, metadata={"annotations": {"dapr.io/control-plane": "injector"}}, spec=pod),
    )


def _webhook(port: int, authority: bytes) -> tuple[Document, ...]:
    service = {"name": WEBHOOK, "namespace": SYSTEM}
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}
    webhook = {
        "name": "sidecar-injector.dapr.io",
        "clientConfig": {
            "service": {**service, "path": "/mutate", "port": port},
            "caBundle": base64.b64encode(authority).decode(),
        },
        "rules": [rule],
        "failurePolicy": "Fail",
        "reinvocationPolicy": "IfNeeded",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    return (
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": service,
            # The injector is a process of this machine.
            "spec": {"type": "ExternalName", "externalName": "localhost"},
        },
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": WEBHOOK},
            "webhooks": [webhook],
        },
    )


def _trust_anchors(system: Kubectl) -> str:
    found: list[str] = []

    def written() -> bool:
        data = json.loads(system.run("get", "configmap", TRUST, "-o", "json")).get("data", {})
        found[:] = [data["ca.crt"]] if "ca.crt" in data else []
        return bool(found)

    eventually(written, "sentry has made its authority", READY_SECONDS)
    return found[0]


def _ports() -> list[int]:
    first = free_block(10)
    return list(range(first, first + 10))
