"""`shop secrets`."""

import json
from typing import Annotated

import typer

from devstack.cluster.secrets import NAMESPACE, cluster_secrets
from devstack.postgres.passwords import load_passwords
from devstack.settings import load_settings


def secrets(namespace: Annotated[str, typer.Option(help="Where the shop lives.")] = NAMESPACE) -> None:
    """Print the secrets of a deployment on Kubernetes, for `kubectl apply -f -`.

    DATABASE_URL says where Postgres is, as pods reach it; NATS_URL, SMTP_URL and PUSH_WEBHOOK_SECRET as for the local
    stack. The passwords are made once and kept in SHOP_HOME/secrets.json: keep that folder.
    """
    settings = load_settings()
    typer.echo(json.dumps(cluster_secrets(settings, load_passwords(settings), namespace), indent=2))
