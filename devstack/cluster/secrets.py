"""The secrets that the manifests below `deploy/` name, made from the same settings and passwords as the local stack."""

import json
from collections.abc import Mapping
from typing import Any

from devstack.errors import SettingsError
from devstack.postgres.passwords import AUDIT_WRITER, BROKER_PASSWORD, DAPR, PUSH_WEBHOOK, Passwords
from devstack.settings import StackSettings
from devstack.topology.infrastructure import BROKER_USER, DEFAULT_BROKER_PORT
from devstack.topology.layout import DatabaseLayout, database_layout
from shared.contracts.app import App
from shared.shop.audit import AUDIT
from shared.shop.notification import NOTIFICATION_SERVICE
from shared.webhooks import write_secret

NAMESPACE = "saga-shop"
BROKER_IN_CLUSTER = f"broker:{DEFAULT_BROKER_PORT}"
MAILBOX_IN_CLUSTER = "smtp://mailbox:2525"


def cluster_secrets(settings: StackSettings, passwords: Passwords, namespace: str = NAMESPACE) -> dict[str, Any]:
    """A list of Secrets, as kubectl applies it.

    Raises:
        SettingsError: there is no Postgres that pods could reach.
    """
    if settings.database_url is None:
        raise SettingsError(
            "say where the cluster's Postgres is, with its administrator and as pods reach it: "
            "DATABASE_URL=postgresql://admin:password@host:5432/shop"
        )
    layout = database_layout(settings, passwords)
    secrets = {
        "statestore": {"connection-string": layout.url_of(DAPR)},
        "broker": _broker(settings, passwords),
        "prepare": {
            "database-url": layout.admin_url,
            "passwords": json.dumps(dict(passwords)),
            "audit-owner-database-url": layout.url_of(AUDIT.package),
            "audit-writer-role": layout.role(AUDIT_WRITER),
        },
        **{app.app_id: _of_service(settings, layout, app) for app in settings.registry.apps},
    }
    items = [_secret(name, namespace, values) for name, values in secrets.items()]
    return {"apiVersion": "v1", "kind": "List", "items": items}


def secret_key(variable: str) -> str:
    """The key that a variable's value has in the secret of its app."""
    return variable.removeprefix("SERVICE_").lower().replace("_", "-")


def _of_service(settings: StackSettings, layout: DatabaseLayout, app: App) -> dict[str, str]:
    values = {secret_key(variable): layout.url_of(role) for variable, role in app.database_roles.items()}
    if app.app_id == NOTIFICATION_SERVICE:
        smtp, signing = settings.smtp_url, settings.push_webhook_secret
        values["smtp-url"] = smtp.get_secret_value() if smtp else MAILBOX_IN_CLUSTER
        values["push-webhook-secret"] = (
            signing.get_secret_value() if signing else write_secret(layout.passwords[PUSH_WEBHOOK].encode())
        )
    return values


def _broker(settings: StackSettings, passwords: Passwords) -> dict[str, str]:
    if settings.nats_url is not None:
        return {"url": settings.nats_url.get_secret_value()}
    # Quoted for the broker's configuration, in which it would otherwise be taken for a number.
    return {
        "url": f"nats://{BROKER_USER}:{passwords[BROKER_PASSWORD]}@{BROKER_IN_CLUSTER}",
        "password": f'"{passwords[BROKER_PASSWORD]}"',
    }


def _secret(name: str, namespace: str, values: Mapping[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app.kubernetes.io/part-of": "saga-shop"}},
        "stringData": dict(values),
    }
