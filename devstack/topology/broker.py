"""The broker of the events, and the task that makes its streams."""

import sys
from pathlib import Path
from urllib.parse import urlsplit

from devstack.postgres.passwords import BROKER_PASSWORD, Passwords
from devstack.programs.broker import BROKER_FOLDER
from devstack.settings import StackSettings
from devstack.topology.addresses import BROKER, BROKER_OFFSET, STREAMS, port_at, sidecar_of
from devstack.topology.hosts import Host
from devstack.topology.ports import PortClaim
from devstack.topology.specs import Finished, HttpReady, ProcessSpec

CONFIGURATION = BROKER_FOLDER / "broker.conf"
MONITORING_AFTER_CLIENTS = 1
USER = "shop"
DEFAULT_PORT = 4222


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
    return [_embedded(settings, passwords, nats_server, host), task]


def nats_url(settings: StackSettings, passwords: Passwords, broker_host: Host) -> str:
    """How sidecars connect; it holds a password."""
    if settings.nats_url is not None:
        return settings.nats_url.get_secret_value()
    return f"nats://{USER}:{passwords[BROKER_PASSWORD]}@{broker_host.address}:{port_at(settings, BROKER_OFFSET)}"


def broker_address(settings: StackSettings, broker_host: Host) -> str:
    """Where one can see whether the broker is there: without user and password."""
    if settings.nats_url is None:
        return f"nats://{broker_host.address}:{port_at(settings, BROKER_OFFSET)}"
    # Of a cluster's servers the first.
    first = urlsplit(settings.nats_url.get_secret_value().partition(",")[0])
    host = f"[{first.hostname}]" if ":" in (first.hostname or "") else first.hostname
    return f"nats://{host}:{first.port or DEFAULT_PORT}"


def _embedded(settings: StackSettings, passwords: Passwords, nats_server: Path, host: Host) -> ProcessSpec:
    clients = port_at(settings, BROKER_OFFSET)
    monitoring = clients + MONITORING_AFTER_CLIENTS
    return ProcessSpec(
        name=BROKER,
        kind="broker",
        host=host,
        command=(str(nats_server), "--config", str(CONFIGURATION)),
        # The server reads each as a value of its configuration: quoted, lest a password be taken for a number.
        env={
            "BROKER_HOST": f'"{host.listen}"',
            "BROKER_PORT": str(clients),
            "BROKER_MONITORING": f'"{host.listen}:{monitoring}"',
            "BROKER_PASSWORD": f'"{passwords[BROKER_PASSWORD]}"',
            "BROKER_FOLDER": f"'{settings.home / 'broker'}'",
        },
        ports=(
            PortClaim(clients, "the broker"),
            PortClaim(monitoring, "the broker's monitoring"),
        ),
        ready=HttpReady(f"{host.url(monitoring)}/healthz"),
        # Draining services may still publish.
        stops_after=tuple(name for app_id in settings.registry.event_apps for name in (app_id, sidecar_of(app_id))),
        groups=settings.registry.event_groups,
    )
