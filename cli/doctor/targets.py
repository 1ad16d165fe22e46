"""Whom the doctor asks, and where: the local stack, a cluster's forwarded ports, or addresses given by hand.

The apps of a cluster are reached through `kubectl port-forward`, which runs for as long as the doctor asks.
"""

import contextlib
import json
import os
import re
import selectors
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

from devstack.errors import SettingsError, StackError, unknown_name
from devstack.supervisor.client import StackClient
from devstack.topology.addresses import sidecar_of
from shared.shop.registry import APPS, CORE_APPS

LOCAL_HOST = "127.0.0.1"

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


class CouldNotLookError(StackError):
    """Nobody could be asked."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Target:
    """One app to ask. `place` tells its replicas apart: locally it is the app id, in a cluster the pod's name."""

    app_id: str
    place: str
    service_url: str
    sidecar_url: str


@dataclass(frozen=True, slots=True)
class Surroundings:
    """How a person looks further and repairs, where the targets live: patterns over `app_id` and `place`."""

    service_log: str = "the log of {app_id}"
    sidecar_log: str = "the log of {app_id}'s daprd"
    start_service: str = "start {app_id}"
    start_sidecar: str = "start {app_id}'s daprd"
    placement: str = "start placement, and see its log"
    scheduler: str = "start the scheduler, and see its log"

    def of(self, pattern: str, target: Target) -> str:
        """One of these patterns, for a target."""
        return pattern.format(app_id=target.app_id, place=target.place)


def sentence(words: str) -> str:
    """With a capital letter."""
    return words[:1].upper() + words[1:]


LOCAL = Surroundings(
    service_log="`shop logs {app_id}`",
    sidecar_log="`shop logs {app_id}-daprd`",
    start_service="`shop start {app_id}`",
    start_sidecar="`shop start {app_id}-daprd`",
    placement="`shop start placement`; see `shop logs placement`",
    scheduler="`shop start scheduler`; see `shop logs scheduler`",
)


def local_targets(client: StackClient) -> list[Target]:
    """The apps of the running stack.

    Raises:
        NotRunningError: none runs.
    """
    urls = client.urls()
    return [Target(app_id, app_id, urls[app_id], urls[sidecar_of(app_id)]) for app_id in APPS if app_id in urls]


def given_targets(words: Sequence[str]) -> list[Target]:
    """From words such as `payment-service=8081:3501`: the service's HTTP port and its sidecar's.

    Each port may be a whole address instead (`payment-service=http://10.0.0.7:8081,http://10.0.0.7:3500`).

    Raises:
        SettingsError: a word can't be read, or names no app of the shop.
    """
    targets = []
    for word in words:
        app_id, _, places = word.partition("=")
        service, _, sidecar = places.partition("," if "," in places else ":")
        if not service or not sidecar:
            raise SettingsError(f"--target {word}: it must look like payment-service=8081:3501")
        if app_id not in APPS:
            raise SettingsError(f"--target {word}: {unknown_name(app_id, APPS, 'app')}")
        targets.append(Target(app_id, app_id, _url(word, service), _url(word, sidecar)))
    return targets


def _url(word: str, place: str) -> str:
    if place.isdecimal():
        return f"http://{LOCAL_HOST}:{place}"
    if place.startswith(("http://", "https://")):
        return place.rstrip("/")
    raise SettingsError(f"--target {word}: {place!r} is neither a port nor an address")


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
        [*command, f":{pod.service_port}", f":{SIDECAR_PORT}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
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
