"""The mailbox, which stands for the outside world, and where the notification-service sends to."""

import sys

from devstack.postgres.passwords import PUSH_WEBHOOK, Passwords
from devstack.settings import StackSettings
from devstack.topology.addresses import MAILBOX, MAILBOX_OFFSET, port_at
from devstack.topology.hosts import Host
from devstack.topology.ports import PortClaim
from devstack.topology.specs import HttpReady, ProcessSpec
from shared.shop.groups import TASKS
from shared.shop.notification import NOTIFICATION_SERVICE
from shared.webhooks import write_secret

HTTP_AFTER_SMTP = 1


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
            "PUSH_WEBHOOK_SECRET": _secret(passwords),
            "PYTHONUNBUFFERED": "1",
        },
        ports=(
            PortClaim(smtp, "the mailbox's SMTP"),
            PortClaim(http, "the mailbox's page"),
        ),
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
        "PUSH_WEBHOOK_SECRET": _secret(passwords),
    }
    if settings.smtp_url is not None:
        environment["SMTP_URL"] = settings.smtp_url.get_secret_value()
    if settings.push_webhook_url is not None and settings.push_webhook_secret is not None:
        environment["PUSH_WEBHOOK_URL"] = settings.push_webhook_url
        environment["PUSH_WEBHOOK_SECRET"] = settings.push_webhook_secret.get_secret_value()
    return environment


def _smtp_port(settings: StackSettings) -> int:
    return port_at(settings, MAILBOX_OFFSET)


def _http_port(settings: StackSettings) -> int:
    return _smtp_port(settings) + HTTP_AFTER_SMTP


def _secret(passwords: Passwords) -> str:
    return write_secret(passwords[PUSH_WEBHOOK].encode())
