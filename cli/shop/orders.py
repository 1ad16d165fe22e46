"""`shop order`, `shop show`, `shop cancel`, `shop orders`."""

import math
import time
import uuid
from typing import Annotated

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape

from cli.output import JsonOption, say, table
from cli.shop.order_body import FORM, HOME, VISA, order_body, pair_lines, parse_fault
from cli.shop.timeline import coloured, milliseconds_between, timeline
from cli.shop_client import ENDS, POLL_SECONDS, ShopClient, shop_url, shown_as_json, wait_until
from devstack.errors import StackError
from shared.money import money
from shared.shop.views import OrderView

WAIT_SECONDS = 120.0

OrderArgument = Annotated[str, typer.Argument(help="An order's id.")]


def order(  # noqa: PLR0913 - one option per thing that an order has
    *,
    sku: Annotated[list[str] | None, typer.Option(help="What to order; repeatable.")] = None,
    quantity: Annotated[list[int] | None, typer.Option(min=1, help="How many; one for each --sku, or for all.")] = None,
    token: Annotated[str, typer.Option(help="The card: tok_visa, tok_declined, tok_slow, tok_error.")] = VISA,
    country: Annotated[str, typer.Option(help="Where the parcel goes, as two letters.")] = HOME,
    fault: Annotated[list[str] | None, typer.Option(help=f"In demo mode: {FORM}; repeatable.")] = None,
    key: Annotated[str | None, typer.Option(help="The Idempotency-Key, to repeat an order safely.")] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Return when the order has ended.")] = True,
    as_json: JsonOption = False,
) -> None:
    """Place an order and show what became of it."""
    faults = [parse_fault(spec) for spec in fault or ()]
    client = ShopClient(shop_url())
    default = None if sku else next((product.sku for product in client.products()), None)
    lines = pair_lines(sku or [], quantity or [], default)
    body = order_body(lines, token=token, country=country, faults=faults)
    accepted = client.place(body, key or str(uuid.uuid4()))
    if not wait:
        total = money(accepted.total_cents, accepted.currency)
        said = f"{accepted.order_id} accepted ({total}); `shop show --follow {accepted.order_id}` shows it"
        say(shown_as_json(accepted) if as_json else said)
        return
    _print(client.wait_for_end(accepted.order_id, WAIT_SECONDS), as_json=as_json)


def show(
    order_id: OrderArgument,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the order has ended.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show an order's timeline."""
    client = ShopClient(shop_url())
    found = client.order(order_id)
    if follow and not as_json:
        _follow(client, found)
        return
    if follow:
        found = wait_until(lambda: client.order(order_id), lambda order: order.status in ENDS, math.inf, str)
    _print(found, as_json=as_json)


def cancel(order_id: OrderArgument, *, as_json: JsonOption = False) -> None:
    """Cancel an order that isn't completed yet; what it did is undone."""
    answer = ShopClient(shop_url()).cancel(order_id)
    say(shown_as_json(answer) if as_json else f"{order_id} is being undone; `shop show --follow {order_id}` shows it")


def orders(
    *,
    status: Annotated[str | None, typer.Option(help="Only those, such as needs_attention.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many of the newest.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """List the newest orders."""
    found = ShopClient(shop_url()).orders(status, limit)
    if as_json:
        say(shown_as_json(found))
        return
    right = ("took ms", "total")
    shown = table("order", "status", "accepted UTC", *right, id_width=len("ord-") + 32, right=right)
    for one in found:
        ended = one.ended_at
        shown.add_row(
            one.order_id,
            coloured(one.status),
            f"{one.accepted_at:%H:%M:%S}",
            str(milliseconds_between(one.accepted_at, ended)) if ended else "...",
            money(one.total_cents, one.currency),
        )
    # A column for sentences would leave them a few letters' width on an 80 column terminal.
    Console().print(Group(shown, *(f"{one.order_id}: {escape(one.reason)}" for one in found if one.reason)))


def _print(found: OrderView, *, as_json: bool) -> None:
    if as_json:
        say(shown_as_json(found))
        return
    Console().print(timeline(found))


def _follow(client: ShopClient, found: OrderView) -> None:
    with Live(timeline(found), refresh_per_second=10) as live:
        while found.status not in ENDS:
            time.sleep(POLL_SECONDS)
            try:
                found = client.order(found.order_id)
            except StackError:
                continue  # an outage of the shop is part of what one follows; Ctrl-C ends it
            live.update(timeline(found))
