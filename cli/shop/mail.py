"""`shop mail`: what the local stack's mailbox holds."""

import json
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.output import say
from cli.shop_client import ShopClient
from devstack.errors import NotRunningError
from devstack.settings import load_settings
from devstack.supervisor.client import StackClient
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
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show the e-mail and the push messages that the local stack has sent."""
    url = _mailbox_url()
    client = ShopClient(url)
    found = {kind: client.call("GET", f"/{kind}?limit={limit}")["items"] for kind in COLUMNS}
    if as_json:
        say(json.dumps(found, indent=2))
        return
    say(f"{url} shows it as a page")
    for kind, columns in COLUMNS.items():
        Console().print(_table(columns, found[kind]) if found[kind] else f"no {kind} yet")


def _table(columns: tuple[str, ...], items: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column.replace("_", " "))
    for item in items:
        table.add_row(*(escape(str(item[column]).strip()) for column in columns))
    return table


def _mailbox_url() -> str:
    urls = StackClient(load_settings().home).urls()
    if MAILBOX not in urls:
        raise NotRunningError(f"{MAILBOX} doesn't run; `shop up` starts it, `shop status` shows what runs")
    return urls[MAILBOX]
