"""`shop mail`: what the local stack's mailbox holds."""

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.output import TIME, JsonOption, say, table
from cli.shop_client import ShopClient, read, service_url, shown_as_json
from devstack.topology.addresses import MAILBOX
from shared.mailbox import MailList, MailView, PushList, PushView


def mail(
    *,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many of each, the newest first.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Show the e-mail and the push messages that the local stack has sent."""
    url = service_url(MAILBOX)
    client = ShopClient(url)
    mails = read(MailList, client.call("GET", f"/messages?limit={limit}")).items
    pushes = read(PushList, client.call("GET", f"/pushes?limit={limit}")).items
    if as_json:
        say(shown_as_json({"messages": mails, "pushes": pushes}))
        return
    say(f"{url} shows it as a page")
    Console().print(_table(("recipient", "subject", "body"), mails) if mails else "no messages yet")
    Console().print(_table(("user_id", "message", "repeats"), pushes) if pushes else "no pushes yet")


def _table(columns: Sequence[str], items: Sequence[MailView | PushView]) -> Table:
    shown = table("received at", *(column.replace("_", " ") for column in columns))
    for item in items:
        shown.add_row(f"{item.received_at:{TIME}}", *(escape(str(getattr(item, name)).strip()) for name in columns))
    return shown
