"""Dapr's own processes: placement, scheduler, and a sidecar for each app."""

from collections.abc import Mapping
from pathlib import Path

from devstack.postgres.passwords import DAPR
from devstack.settings import PROJECT_ROOT, StackSettings
from devstack.topology.addresses import (
    PLACEMENT,
    PLACEMENT_OFFSET,
    SCHEDULER,
    SCHEDULER_OFFSET,
    STREAMS,
    app_ports,
    port_at,
    sidecar_of,
)
from devstack.topology.broker import nats_url
from devstack.topology.hosts import Host, Network
from devstack.topology.layout import DatabaseLayout
from devstack.topology.ports import PortClaim
from devstack.topology.specs import HttpReady, ProcessSpec, SchedulerReady, SidecarReady
from shared.contracts.app import App

COMPONENTS = PROJECT_ROOT / "components"
CONFIGURATION = COMPONENTS / "configuration.yaml"

# After a kill -9 the scheduler waits for its dead predecessor's lease: 21 to 30 seconds were measured.
SCHEDULER_READY_WITHIN_SECONDS = 90.0
SIDECAR_GRACE_SECONDS = 2
# Long enough for any reader of its revisions, which all live in the same process.
ETCD_KEEPS = "10m"


def placement(settings: StackSettings, binaries: Path, host: Host) -> ProcessSpec:
    """The service that knows which sidecar hosts which workflow."""
    grpc, health, metrics, raft = (port_at(settings, PLACEMENT_OFFSET + index) for index in range(4))
    return ProcessSpec(
        name=PLACEMENT,
        kind="placement",
        host=host,
        command=(
            str(binaries / "placement"),
            *_flags(
                {
                    "port": grpc,
                    "listen-address": host.listen,
                    "healthz-port": health,
                    "healthz-listen-address": host.listen,
                    "metrics-port": metrics,
                    "metrics-listen-address": host.listen,
                    "id": "dapr-placement-0",
                    "initial-cluster": f"dapr-placement-0={host.listen}:{raft}",
                }
            ),
            # Lets a doctor see which hosts and actor types placement knows.
            "--metadata-enabled",
        ),
        ports=(
            PortClaim(grpc, "placement"),
            PortClaim(health, "placement's health"),
            PortClaim(metrics, "placement's metrics"),
            PortClaim(raft, "placement's raft"),
        ),
        ready=HttpReady(f"{host.url(health)}/healthz"),
    )


def scheduler(settings: StackSettings, binaries: Path, host: Host, *, has_sidecars: bool = True) -> ProcessSpec:
    """The service that keeps workflow timers and dispatches, in an etcd of its own.

    Where the sidecars aren't the stack's own, nothing waits until it serves them.
    """
    grpc, health, metrics, client, peer = (port_at(settings, SCHEDULER_OFFSET + index) for index in range(5))
    return ProcessSpec(
        name=SCHEDULER,
        kind="scheduler",
        host=host,
        command=(
            str(binaries / "scheduler"),
            *_flags(
                {
                    "port": grpc,
                    "listen-address": host.listen,
                    "healthz-port": health,
                    "healthz-listen-address": host.listen,
                    "metrics-port": metrics,
                    "metrics-listen-address": host.listen,
                    "id": "dapr-scheduler-server-0",
                    "etcd-data-dir": settings.home / "scheduler",
                    # By default etcd keeps a million revisions: the folder grows with every order, far past the data.
                    "etcd-compaction-mode": "periodic",
                    "etcd-compaction-retention": ETCD_KEEPS,
                    "etcd-client-listen-address": host.listen,
                    "etcd-client-port": client,
                    "etcd-initial-cluster": f"dapr-scheduler-server-0={host.url(peer)}",
                    "override-broadcast-host-port": f"{host.address}:{grpc}",
                }
            ),
        ),
        ports=(
            PortClaim(grpc, "the scheduler"),
            PortClaim(health, "the scheduler's health"),
            PortClaim(metrics, "the scheduler's metrics"),
            PortClaim(client, "the scheduler's etcd"),
            PortClaim(peer, "the scheduler's etcd peers"),
        ),
        ready=SchedulerReady(f"{host.url(metrics)}/metrics")
        if has_sidecars
        else HttpReady(f"{host.url(health)}/healthz"),
        ready_within_seconds=SCHEDULER_READY_WITHIN_SECONDS,
        # Sidecars don't start after it, for it is ready only with them; but they need it to the end.
        stops_after=tuple(sidecar_of(app_id) for app_id in settings.registry.app_ids),
        # Its data is as precious as the database's, and a clean stop saves the 25 seconds after a kill.
        stop_within_seconds=20.0,
    )


def sidecar(
    settings: StackSettings, layout: DatabaseLayout, network: Network, binaries: Path, app_id: str
) -> ProcessSpec:
    """The daprd of one app."""
    ports = app_ports(settings, app_id)
    host, main = network.host_of(app_id), network.main.address
    app = settings.registry.app(app_id)
    has_events = app.takes_events
    return ProcessSpec(
        name=sidecar_of(app_id),
        kind="sidecar",
        host=host,
        command=(
            str(binaries / "daprd"),
            *_flags(
                {
                    "app-id": app_id,
                    "dapr-listen-addresses": host.listen,
                    "dapr-http-port": ports.dapr_http,
                    "dapr-grpc-port": ports.dapr_grpc,
                    "dapr-internal-grpc-listen-address": host.listen,
                    "metrics-port": ports.dapr_metrics,
                    "metrics-listen-address": host.listen,
                    "placement-host-address": f"{main}:{port_at(settings, PLACEMENT_OFFSET)}",
                    "scheduler-host-address": f"{main}:{port_at(settings, SCHEDULER_OFFSET)}",
                    "resources-path": COMPONENTS,
                    "config": CONFIGURATION,
                    "dapr-graceful-shutdown-seconds": SIDECAR_GRACE_SECONDS,
                }
            ),
            # Where events are delivered.
            *(_flags({"app-port": ports.http, "app-protocol": "http"}) if has_events else ()),
        ),
        env={
            "STATESTORE_CONNECTION_STRING": layout.url_of(DAPR),
            **({"NATS_URL": nats_url(settings, layout.passwords, network.main)} if has_events else {}),
            # The address that sidecars tell each other; by default that of the first network card.
            "DAPR_HOST_IP": host.address,
        },
        ports=(
            PortClaim(ports.dapr_http, f"{app_id}'s Dapr HTTP API"),
            PortClaim(ports.dapr_grpc, f"{app_id}'s Dapr gRPC API"),
            *(PortClaim(port, f"{app_id}'s sidecar-to-sidecar calls") for port in ports.dapr_internal),
            PortClaim(ports.dapr_metrics, f"{app_id}'s sidecar metrics"),
        ),
        # The other sidecars keep a connection per address, which waits up to two minutes before it tries a dead one
        # again. A sidecar that returns at another port is spoken to at once, as a new pod with its new address is.
        turns=tuple((f"--dapr-internal-grpc-port={port}",) for port in ports.dapr_internal),
        ready=_sidecar_ready(host.url(ports.dapr_http), app),
        starts_after=("database", PLACEMENT, *((STREAMS,) if has_events else ())),
        # A service that drains hands its last results to its sidecar.
        stops_after=(app_id,),
        app_id=app_id,
        groups=frozenset({app.group}),
        url=host.url(ports.dapr_http),
    )


def _sidecar_ready(url: str, app: App) -> HttpReady | SidecarReady:
    # To a sidecar without a worker nothing ever connects.
    return SidecarReady(f"{url}/v1.0/metadata") if app.has_worker else HttpReady(f"{url}/v1.0/healthz")


def _flags(values: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(f"--{name}={value}" for name, value in values.items())
