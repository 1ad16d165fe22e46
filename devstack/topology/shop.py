"""The shop's own processes: the database, the services, the payment gateway, and the mailbox of the outside world."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from signal import SIGINT

from devstack.postgres.passwords import AUDIT_WRITER, PUSH_WEBHOOK, Passwords
from devstack.settings import StackSettings
from devstack.topology.addresses import AUDIT_SCHEMA, MAILBOX, POSTGRES, Offset, PortClaim, app_ports, port_at
from devstack.topology.infrastructure import broker_address
from devstack.topology.layout import DatabaseLayout
from devstack.topology.specs import Finished, Host, HttpReady, Network, PostgresReady, ProcessSpec
from shared.contracts.app import App
from shared.shop.audit import AUDIT, AUDIT_SERVICE
from shared.shop.gateway import PAYMENT_GATEWAY
from shared.shop.groups import CORE, TASKS
from shared.shop.notification import NOTIFICATION_SERVICE
from shared.shop.order import ORDER_SERVICE
from shared.shop.payment import PAYMENT_SERVICE
from shared.webhooks import write_secret

# A draining service waits up to 10 seconds for its running activities.
SERVICE_STOP_WITHIN_SECONDS = 12.0

HTTP_AFTER_SMTP = 1


def database(settings: StackSettings, layout: DatabaseLayout, network: Network) -> list[ProcessSpec]:
    """The embedded server, unless the user has one, and the task that prepares it."""
    environment = settings.environment()
    task = ProcessSpec(
        name="database",
        kind="task",
        host=network.main,
        command=(sys.executable, "-m", "devstack.postgres.prepare"),
        env=environment,
        ready=Finished(),
        starts_after=(POSTGRES,) if layout.server_is_ours else (),
    )
    if not layout.server_is_ours:
        return [task]
    port = port_at(settings, Offset.POSTGRES)
    module = (sys.executable, "-m", "devstack.postgres.server")
    also_on = ("--bridge", str(network.bridge)) if network.bridge is not None else ()
    server = ProcessSpec(
        name=POSTGRES,
        kind="postgres",
        host=network.main,
        command=(*module, "--home", str(settings.home), "--port", str(port), *also_on),
        ports=(PortClaim(port, "the embedded Postgres"),),
        ready=PostgresReady(layout.url_of_database("postgres")),
        # Fast stop: SIGTERM would wait for every client to leave.
        stop_signal=SIGINT,
        stop_within_seconds=30.0,
    )
    return [server, task]


def gateway(settings: StackSettings, layout: DatabaseLayout, host: Host) -> ProcessSpec:
    """The payment gateway: a company of its own, so it has no sidecar."""
    app, port = settings.registry.app(PAYMENT_GATEWAY), port_at(settings, Offset.GATEWAY)
    process = _python_service(settings, layout, host, app, port, {})
    # A draining payment service may still have to ask it.
    return replace(process, stops_after=(PAYMENT_SERVICE,), groups=frozenset({CORE}))


def audit_schema(layout: DatabaseLayout, host: Host) -> ProcessSpec:
    """The task that prepares the audit-service's tables as their owner, which the service itself never is."""
    return ProcessSpec(
        name=AUDIT_SCHEMA,
        kind="task",
        host=host,
        command=(sys.executable, "-m", "audit_service.schema"),
        env={"AUDIT_OWNER_DATABASE_URL": layout.url_of(AUDIT.package), "AUDIT_WRITER_ROLE": layout.role(AUDIT_WRITER)},
        ready=Finished(),
        starts_after=("database",),
        groups=frozenset({TASKS}),
    )


def service(settings: StackSettings, layout: DatabaseLayout, network: Network, app_id: str) -> ProcessSpec:
    """The Python process of one app."""
    app, ports = settings.registry.app(app_id), app_ports(settings, app_id)
    host = network.host_of(app_id)
    environment = {
        "STATE_FOLDER": str(settings.run / "calls"),
        "DAPR_HOST": host.listen,
        "DAPR_GRPC_PORT": str(ports.dapr_grpc),
        "DAPR_HTTP_PORT": str(ports.dapr_http),
    }
    environment |= {variable: _peer_url(settings, network, peer) for variable, peer in app.peers.items()}
    if app.takes_events:
        environment["BROKER_URL"] = broker_address(settings, network.main)
    if app_id == NOTIFICATION_SERVICE:
        environment |= notification_environment(settings, layout.passwords, network.main)
    process = _python_service(settings, layout, host, app, ports.http, environment)
    if app_id == AUDIT_SERVICE:
        process = replace(process, starts_after=(AUDIT_SCHEMA,))
    return replace(process, app_id=app_id, groups=frozenset({app.group}))


def _peer_url(settings: StackSettings, network: Network, name: str) -> str:
    """Where another program's HTTP API answers."""
    if settings.registry.app(name).has_sidecar:
        return network.host_of(name).peer_url(app_ports(settings, name).http)
    return network.main.peer_url(port_at(settings, Offset.GATEWAY))


def _python_service(  # noqa: PLR0913, PLR0917 - all that tells one service from another
    settings: StackSettings, layout: DatabaseLayout, host: Host, app: App, port: int, environment: Mapping[str, str]
) -> ProcessSpec:
    name = app.app_id
    moved_by = "SHOP_API_PORT" if name == ORDER_SERVICE else "SHOP_BASE_PORT"
    return ProcessSpec(
        name=name,
        kind="service",
        host=host,
        command=(sys.executable, "-m", app.package),
        env={
            "SERVICE_HTTP_HOST": host.listen,
            "SERVICE_HTTP_PORT": str(port),
            **{variable: layout.url_of(role) for variable, role in app.database_roles.items()},
            "SHOP_MODE": settings.mode.value,
            "PYTHONUNBUFFERED": "1",
            **environment,
        },
        ports=(PortClaim(port, f"{name}'s HTTP API", moved_by),),
        ready=HttpReady(f"{host.url(port)}/readyz"),
        starts_after=("database",),
        stop_within_seconds=SERVICE_STOP_WITHIN_SECONDS,
        url=host.url(port),
    )


def mailbox(settings: StackSettings, passwords: Passwords, host: Host) -> ProcessSpec:
    """Takes all e-mail and pushes of a local stack; nothing of it leaves the machine."""
    smtp, http = _smtp_port(settings), _http_port(settings)
    return ProcessSpec(
        name=MAILBOX,
        kind="service",
        host=host,
        command=(sys.executable, "-m", "local_mailbox"),
        env={
            "SERVICE_HTTP_HOST": host.listen,
            "SERVICE_HTTP_PORT": str(http),
            "MAILBOX_SMTP_PORT": str(smtp),
            "MAILBOX_FILE": str(settings.home / "mailbox" / "mailbox.sqlite"),
            "PUSH_WEBHOOK_SECRET": _webhook_secret(passwords),
            "PYTHONUNBUFFERED": "1",
        },
        ports=(PortClaim(smtp, "the mailbox's SMTP"), PortClaim(http, "the mailbox's page")),
        ready=HttpReady(f"{host.url(http)}/readyz"),
        # A draining notification-service may still hand over what it began.
        stops_after=(NOTIFICATION_SERVICE,),
        groups=frozenset({TASKS}),
        url=host.url(http),
    )


def notification_environment(settings: StackSettings, passwords: Passwords, mailbox_host: Host) -> dict[str, str]:
    """Where notifications go: to the user's own servers, or else into the mailbox."""
    environment = {
        "SMTP_URL": f"smtp://{mailbox_host.address}:{_smtp_port(settings)}",
        "PUSH_WEBHOOK_URL": f"{mailbox_host.peer_url(_http_port(settings))}/push",
        "PUSH_WEBHOOK_SECRET": _webhook_secret(passwords),
    }
    if settings.smtp_url is not None:
        environment["SMTP_URL"] = settings.smtp_url.get_secret_value()
    if settings.push_webhook_url is not None and settings.push_webhook_secret is not None:
        environment["PUSH_WEBHOOK_URL"] = settings.push_webhook_url
        environment["PUSH_WEBHOOK_SECRET"] = settings.push_webhook_secret.get_secret_value()
    return environment


def _smtp_port(settings: StackSettings) -> int:
    return port_at(settings, Offset.MAILBOX)


def _http_port(settings: StackSettings) -> int:
    return _smtp_port(settings) + HTTP_AFTER_SMTP


def _webhook_secret(passwords: Passwords) -> str:
    return write_secret(passwords[PUSH_WEBHOOK].encode())
