"""`shop mail`: what the local stack's mailbox holds."""

import json
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.output import JsonOption, say, table
from cli.shop_client import ShopClient, service_url
from devstack.topology.addresses import MAILBOX

COLUMNS: Final = {
    "messages": ("received_at", "recipient", "subject", "body"),
    "pushes": ("received_at", "user_id", "message", "repeats"),
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="mail")(mail)


def mail(
    *,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many of each, the newest first.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Show the e-mail and the push messages that the local stack has sent."""
    url = service_url(MAILBOX)
    client = ShopClient(url)
    found = {kind: client.call("GET", f"/{kind}?limit={limit}")["items"] for kind in COLUMNS}
    if as_json:
        say(json.dumps(found, indent=2))
        return
    say(f"{url} shows it as a page")
    for kind, columns in COLUMNS.items():
        Console().print(_table(columns, found[kind]) if found[kind] else f"no {kind} yet")


def _table(columns: tuple[str, ...], items: list[dict[str, Any]]) -> Table:
    shown = table(*(column.replace("_", " ") for column in columns))
    for item in items:
        shown.add_row(*(escape(str(item[column]).strip()) for column in columns))
    return shown
