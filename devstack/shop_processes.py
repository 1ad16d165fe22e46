"""The shop's own processes: the database, the services, and the payment gateway."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from signal import SIGINT

from devstack.addresses import (
    AUDIT,
    AUDIT_SCHEMA,
    GATEWAY,
    GATEWAY_OFFSET,
    INVENTORY,
    NOTIFICATION,
    ORDER,
    PAYMENT,
    POSTGRES,
    app_ports,
    folder_of,
    port_at,
)
from devstack.broker_processes import EVENT_APPS, broker_address
from devstack.groups import CORE, TASKS, groups_of
from devstack.hosts import Host, Network
from devstack.layout import AUDIT_WRITER, AUDITOR, POSTGRES_PORT_OFFSET, DatabaseLayout
from devstack.mail_processes import notification_environment
from devstack.ports import PortClaim
from devstack.settings import StackSettings
from devstack.specs import Finished, HttpReady, PostgresReady, ProcessSpec

# A draining service waits up to 10 seconds for its running activities.
SERVICE_STOP_WITHIN_SECONDS = 12.0


def database(settings: StackSettings, layout: DatabaseLayout, network: Network) -> list[ProcessSpec]:
    """The embedded server, unless the user has one, and the task that prepares it."""
    environment = settings.environment()
    task = ProcessSpec(
        name="database",
        kind="task",
        host=network.main,
        command=(sys.executable, "-m", "devstack.database"),
        env=environment,
        ready=Finished(),
        starts_after=(POSTGRES,) if layout.server_is_ours else (),
    )
    if not layout.server_is_ours:
        return [task]
    port = port_at(settings, POSTGRES_PORT_OFFSET)
    module = (sys.executable, "-m", "devstack.postgres")
    also_on = ("--bridge", str(network.bridge)) if network.bridge is not None else ()
    server = ProcessSpec(
        name=POSTGRES,
        kind="postgres",
        host=network.main,
        command=(*module, "--home", str(settings.home), "--port", str(port), *also_on),
        ports=(PortClaim(port, "the embedded Postgres", for_peers=True),),
        ready=PostgresReady(layout.url_of_database("postgres")),
        # Fast stop: SIGTERM would wait for every client to leave.
        stop_signal=SIGINT,
        stop_within_seconds=30.0,
    )
    return [server, task]


def gateway(settings: StackSettings, layout: DatabaseLayout, host: Host) -> ProcessSpec:
    """The payment gateway: a company of its own, so it has no sidecar."""
    process = _python_service(settings, layout, host, GATEWAY, port_at(settings, GATEWAY_OFFSET), {})
    # A draining payment service may still have to ask it.
    return replace(process, stops_after=(PAYMENT,), groups=frozenset({CORE}))


def audit_schema(layout: DatabaseLayout, host: Host) -> ProcessSpec:
    """The task that prepares the audit-service's tables as their owner, which the service itself never is."""
    return ProcessSpec(
        name=AUDIT_SCHEMA,
        kind="task",
        host=host,
        command=(sys.executable, "-m", "audit_service.schema"),
        env={
            "AUDIT_OWNER_DATABASE_URL": layout.url_of(folder_of(AUDIT)),
            "AUDIT_WRITER_ROLE": layout.role(AUDIT_WRITER),
        },
        ready=Finished(),
        starts_after=("database",),
        groups=frozenset({TASKS}),
    )


def service(settings: StackSettings, layout: DatabaseLayout, network: Network, app_id: str) -> ProcessSpec:
    """The Python process of one app."""
    ports = app_ports(settings, app_id)
    host = network.host_of(app_id)
    environment = {
        "DAPR_HOST": host.listen,
        "DAPR_GRPC_PORT": str(ports.dapr_grpc),
        "DAPR_HTTP_PORT": str(ports.dapr_http),
    }
    if app_id == PAYMENT:
        environment["PAYMENT_GATEWAY_URL"] = network.main.peer_url(port_at(settings, GATEWAY_OFFSET))
    if app_id == INVENTORY:
        environment["ORDER_URL"] = network.host_of(ORDER).peer_url(app_ports(settings, ORDER).http)
    if app_id == ORDER:
        environment["INVENTORY_URL"] = network.host_of(INVENTORY).peer_url(app_ports(settings, INVENTORY).http)
        environment["AUDITOR_DATABASE_URL"] = layout.url_of(AUDITOR)
    if app_id in EVENT_APPS:
        environment["BROKER_URL"] = broker_address(settings, network.main)
    if app_id == NOTIFICATION:
        environment |= notification_environment(settings, layout.passwords, network.main)
    if app_id == AUDIT:
        environment["SERVICE_DATABASE_URL"] = layout.url_of(AUDIT_WRITER)
    process = _python_service(settings, layout, host, app_id, ports.http, environment)
    if app_id == AUDIT:
        process = replace(process, starts_after=(AUDIT_SCHEMA,))
    return replace(process, app_id=app_id, groups=groups_of(app_id))


def _python_service(  # noqa: PLR0913, PLR0917 - all that tells one service from another
    settings: StackSettings, layout: DatabaseLayout, host: Host, name: str, port: int, environment: Mapping[str, str]
) -> ProcessSpec:
    folder = folder_of(name)
    moved_by = "SHOP_API_PORT" if name == ORDER else "SHOP_BASE_PORT"
    return ProcessSpec(
        name=name,
        kind="service",
        host=host,
        command=(sys.executable, "-m", folder),
        env={
            "SERVICE_HTTP_HOST": host.listen,
            "SERVICE_HTTP_PORT": str(port),
            "SERVICE_DATABASE_URL": layout.url_of(folder),
            "SHOP_MODE": settings.mode.value,
            "PYTHONUNBUFFERED": "1",
            **environment,
        },
        ports=(PortClaim(port, f"{name}'s HTTP API", moved_by, for_peers=True),),
        ready=HttpReady(f"{host.url(port)}/readyz"),
        starts_after=("database",),
        stop_within_seconds=SERVICE_STOP_WITHIN_SECONDS,
        url=host.url(port),
    )
