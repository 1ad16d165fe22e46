"""Reaches the apps of a cluster through `kubectl port-forward`, which runs for as long as the doctor asks."""

import contextlib
import json
import os
import re
import selectors
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

from cli.doctor.targets import LOCAL_HOST, CouldNotLookError, Surroundings, Target
from shared.shop.registry import CORE_APPS

APP_ID = "dapr.io/app-id"
APP_PORT = "dapr.io/app-port"
# The injector gives every sidecar this one.
SIDECAR_PORT = 3500
SIDECAR = "daprd"
FORWARD_SECONDS = 30.0
KUBECTL_SECONDS = 30.0

# Without these no order can be done; the others may be left out.
CLUSTER_APPS = frozenset(CORE_APPS)

_FORWARDING = re.compile(rf"Forwarding from {re.escape(LOCAL_HOST)}:(\d+) -> (\d+)")


@dataclass(frozen=True, slots=True)
class Pod:
    """A running pod with a sidecar, and its service's port."""

    name: str
    app_id: str
    service_port: int

    @classmethod
    def read(cls, document: dict[str, Any]) -> Self | None:
        """From `kubectl get pod -o json`; None if it has no sidecar, no port, or isn't running."""
        metadata, spec = document["metadata"], document["spec"]
        annotations = metadata.get("annotations", {})
        port = _service_port(spec, annotations)
        running = document["status"].get("phase") == "Running" and "deletionTimestamp" not in metadata
        if APP_ID not in annotations or port is None or not running:
            return None
        return cls(metadata["name"], annotations[APP_ID], port)


def _service_port(spec: dict[str, Any], annotations: dict[str, str]) -> int | None:
    """The port named `http`, else the first one, else that of the annotation."""
    ports = [
        port
        for container in spec["containers"]
        if container["name"] != SIDECAR
        for port in container.get("ports", [])
        if port.get("protocol", "TCP") == "TCP"
    ]
    ports.sort(key=lambda port: port.get("name") != "http")
    if ports:
        return int(ports[0]["containerPort"])
    return int(annotations[APP_PORT]) if APP_PORT in annotations else None


def surroundings_of(namespace: str) -> Surroundings:
    """How to look further in this namespace."""
    kubectl = f"kubectl -n {namespace}"
    return Surroundings(
        service_log=f"`{kubectl} logs {{place}} --all-containers`",
        sidecar_log=f"`{kubectl} logs {{place}} -c {SIDECAR}`",
        start_service=f"see `{kubectl} describe pod {{place}}`",
        start_sidecar=f"see `{kubectl} describe pod {{place}}`",
        placement="see that it runs: `kubectl -n dapr-system get pods -l app=dapr-placement-server`",
        scheduler="see that it runs: `kubectl -n dapr-system get pods -l app=dapr-scheduler-server`",
    )


@contextlib.contextmanager
def forwarded_targets(namespace: str) -> Iterator[list[Target]]:
    """Every pod of the namespace that has a sidecar, reachable while the block lasts.

    Raises:
        CouldNotLookError: kubectl isn't here, or fails, or shows no such pod.
    """
    pods = _pods(namespace)
    if not pods:
        raise CouldNotLookError(f"no pod with a Dapr sidecar runs in the namespace {namespace!r}")
    with contextlib.ExitStack() as stack:
        forwards = [(pod, stack.enter_context(_forward(namespace, pod))) for pod in pods]
        yield [_target(pod, forward) for pod, forward in forwards]


def _pods(namespace: str) -> list[Pod]:
    command = ["kubectl", "-n", namespace, "get", "pods", "-o", "json"]
    try:
        answer = subprocess.run(  # noqa: S603 - no shell, and kubectl is the user's own
            command, capture_output=True, text=True, check=False, timeout=KUBECTL_SECONDS
        )
    except FileNotFoundError:
        raise CouldNotLookError("kubectl isn't installed; forward the ports yourself and use --target") from None
    except subprocess.TimeoutExpired:
        raise CouldNotLookError(f"kubectl doesn't answer within {KUBECTL_SECONDS:.0f} s") from None
    if answer.returncode:
        raise CouldNotLookError(f"kubectl can't list the pods of {namespace!r}: {answer.stderr.strip()}")
    pods = [Pod.read(item) for item in json.loads(answer.stdout)["items"]]
    return sorted((pod for pod in pods if pod is not None), key=lambda pod: pod.name)


@contextlib.contextmanager
def _forward(namespace: str, pod: Pod) -> Iterator[subprocess.Popen[bytes]]:
    command = ["kubectl", "-n", namespace, "port-forward", f"pod/{pod.name}"]
    process = subprocess.Popen(  # noqa: S603 - as above
        [*command, f":{pod.service_port}", f":{SIDECAR_PORT}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _target(pod: Pod, forward: subprocess.Popen[bytes]) -> Target:
    """Where kubectl says that it forwards from."""
    said = ""
    for said in _lines_of(forward):
        ports = {int(remote): int(local) for local, remote in _FORWARDING.findall(said)}
        if {pod.service_port, SIDECAR_PORT} <= ports.keys():
            return Target(
                pod.app_id,
                pod.name,
                f"http://{LOCAL_HOST}:{ports[pod.service_port]}",
                f"http://{LOCAL_HOST}:{ports[SIDECAR_PORT]}",
            )
    raise CouldNotLookError(f"kubectl port-forward pod/{pod.name} didn't come up: {said.strip() or 'it said nothing'}")


def _lines_of(process: subprocess.Popen[bytes]) -> Iterator[str]:
    """All that it has said, again with whatever it adds, until it ends or the time is over."""
    assert process.stdout is not None  # noqa: S101 - it was made with a pipe
    said = b""
    deadline = time.monotonic() + FORWARD_SECONDS
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while selector.select(max(0.0, deadline - time.monotonic())):
            more = os.read(process.stdout.fileno(), 65536)
            if not more:
                return
            said += more
            yield said.decode(errors="replace")
