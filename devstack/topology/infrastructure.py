"""What the apps run on: Dapr's placement, scheduler and sidecars, and the broker with the task of its streams."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from devstack.postgres.passwords import BROKER_PASSWORD, DAPR, Passwords
from devstack.programs.build import BROKER_FOLDER
from devstack.settings import PROJECT_ROOT, StackSettings
from devstack.topology.addresses import (
    BROKER,
    PLACEMENT,
    SCHEDULER,
    STREAMS,
    Offset,
    PortClaim,
    app_ports,
    port_at,
    sidecar_of,
)
from devstack.topology.layout import DatabaseLayout
from devstack.topology.specs import Finished, Host, HttpReady, Network, ProcessSpec, SchedulerReady, SidecarReady

COMPONENTS = PROJECT_ROOT / "components"
CONFIGURATION = COMPONENTS / "configuration.yaml"

# After a kill -9 the scheduler waits for its dead predecessor's lease: 21 to 30 seconds were measured.
SCHEDULER_READY_WITHIN_SECONDS = 90.0
SIDECAR_GRACE_SECONDS = 2
# Long enough for any reader of its revisions, which all live in the same process.
ETCD_KEEPS = "10m"

BROKER_CONFIGURATION = BROKER_FOLDER / "broker.conf"
MONITORING_AFTER_CLIENTS = 1
BROKER_USER = "shop"
DEFAULT_BROKER_PORT = 4222


def placement(settings: StackSettings, binaries: Path, host: Host) -> ProcessSpec:
    """The service that knows which sidecar hosts which workflow."""
    grpc, health, metrics, raft = (port_at(settings, Offset.PLACEMENT + index) for index in range(4))
    return ProcessSpec(
        name=PLACEMENT,
        kind="placement",
        host=host,
        command=_command(
            binaries / "placement",
            {
                **_listens(host, grpc, health, metrics),
                "id": "dapr-placement-0",
                "initial-cluster": f"dapr-placement-0={host.listen}:{raft}",
            },
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
    grpc, health, metrics, client, peer = (port_at(settings, Offset.SCHEDULER + index) for index in range(5))
    return ProcessSpec(
        name=SCHEDULER,
        kind="scheduler",
        host=host,
        command=_command(
            binaries / "scheduler",
            {
                **_listens(host, grpc, health, metrics),
                "id": "dapr-scheduler-server-0",
                "etcd-data-dir": settings.home / "scheduler",
                # By default etcd keeps a million revisions: the folder grows with every order, far past the data.
                "etcd-compaction-mode": "periodic",
                "etcd-compaction-retention": ETCD_KEEPS,
                "etcd-client-listen-address": host.listen,
                "etcd-client-port": client,
                "etcd-initial-cluster": f"dapr-scheduler-server-0={host.url(peer)}",
                "override-broadcast-host-port": f"{host.address}:{grpc}",
            },
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
    app, url = settings.registry.app(app_id), host.url(ports.dapr_http)
    has_events = app.takes_events
    return ProcessSpec(
        name=sidecar_of(app_id),
        kind="sidecar",
        host=host,
        command=_command(
            binaries / "daprd",
            {
                "app-id": app_id,
                "dapr-listen-addresses": host.listen,
                "dapr-http-port": ports.dapr_http,
                "dapr-grpc-port": ports.dapr_grpc,
                "dapr-internal-grpc-listen-address": host.listen,
                "metrics-port": ports.dapr_metrics,
                "metrics-listen-address": host.listen,
                "placement-host-address": f"{main}:{port_at(settings, Offset.PLACEMENT)}",
                "scheduler-host-address": f"{main}:{port_at(settings, Offset.SCHEDULER)}",
                "resources-path": COMPONENTS,
                "config": CONFIGURATION,
                "dapr-graceful-shutdown-seconds": SIDECAR_GRACE_SECONDS,
                # Where events are delivered.
                **({"app-port": ports.http, "app-protocol": "http"} if has_events else {}),
            },
        ),
        env={
            "STATESTORE_CONNECTION_STRING": layout.url_of(DAPR),
            **({"NATS_URL": nats_url(settings, layout.passwords, network.main)} if has_events else {}),
            # The address that sidecars exchange; by default that of the first network card.
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
        # To a sidecar without a worker nothing ever connects.
        ready=SidecarReady(f"{url}/v1.0/metadata") if app.has_worker else HttpReady(f"{url}/v1.0/healthz"),
        starts_after=("database", PLACEMENT, *((STREAMS,) if has_events else ())),
        # A service that drains hands its last results to its sidecar.
        stops_after=(app_id,),
        app_id=app_id,
        groups=frozenset({app.group}),
        url=url,
    )


def _command(program: Path, flags: Mapping[str, object], *more: str) -> tuple[str, ...]:
    return (str(program), *(f"--{name}={value}" for name, value in flags.items()), *more)


def _listens(host: Host, grpc: int, health: int, metrics: int) -> dict[str, object]:
    """Where placement and scheduler, which name these flags alike, are reached."""
    return {
        "port": grpc,
        "listen-address": host.listen,
        "healthz-port": health,
        "healthz-listen-address": host.listen,
        "metrics-port": metrics,
        "metrics-listen-address": host.listen,
    }


def broker(settings: StackSettings, passwords: Passwords, nats_server: Path, host: Host) -> list[ProcessSpec]:
    """The embedded broker, unless the user has one, and the task that makes the streams."""
    environment = {"NATS_URL": nats_url(settings, passwords, host), "PYTHONUNBUFFERED": "1"}
    task = ProcessSpec(
        name=STREAMS,
        kind="task",
        host=host,
        command=(sys.executable, "-m", "devstack.broker.streams"),
        env=environment,
        ready=Finished(),
        starts_after=(BROKER,) if settings.nats_url is None else (),
        groups=settings.registry.event_groups,
    )
    if settings.nats_url is not None:
        return [task]
    return [_embedded_broker(settings, passwords, nats_server, host), task]


def nats_url(settings: StackSettings, passwords: Passwords, broker_host: Host) -> str:
    """How sidecars connect; it holds a password."""
    if settings.nats_url is not None:
        return settings.nats_url.get_secret_value()
    return f"nats://{BROKER_USER}:{passwords[BROKER_PASSWORD]}@{broker_host.address}:{port_at(settings, Offset.BROKER)}"


def broker_address(settings: StackSettings, broker_host: Host) -> str:
    """Where one can see whether the broker is there: without user and password."""
    if settings.nats_url is None:
        return f"nats://{broker_host.address}:{port_at(settings, Offset.BROKER)}"
    # Of a cluster's servers the first.
    first = urlsplit(settings.nats_url.get_secret_value().partition(",")[0])
    host = f"[{first.hostname}]" if ":" in (first.hostname or "") else first.hostname
    return f"nats://{host}:{first.port or DEFAULT_BROKER_PORT}"


def _embedded_broker(settings: StackSettings, passwords: Passwords, nats_server: Path, host: Host) -> ProcessSpec:
    clients = port_at(settings, Offset.BROKER)
    monitoring = clients + MONITORING_AFTER_CLIENTS
    return ProcessSpec(
        name=BROKER,
        kind="broker",
        host=host,
        command=(str(nats_server), "--config", str(BROKER_CONFIGURATION)),
        # The server reads each as a value of its configuration: quoted, lest a password be taken for a number.
        env={
            "BROKER_HOST": f'"{host.listen}"',
            "BROKER_PORT": str(clients),
            "BROKER_MONITORING": f'"{host.listen}:{monitoring}"',
            "BROKER_PASSWORD": f'"{passwords[BROKER_PASSWORD]}"',
            "BROKER_FOLDER": json.dumps(str(settings.home / "broker"), ensure_ascii=False),
        },
        ports=(PortClaim(clients, "the broker"), PortClaim(monitoring, "the broker's monitoring")),
        ready=HttpReady(f"{host.url(monitoring)}/healthz"),
        # Draining services may still publish.
        stops_after=tuple(name for app_id in settings.registry.event_apps for name in (app_id, sidecar_of(app_id))),
        groups=settings.registry.event_groups,
    )
