"""`shop approvals`, `shop approve`, `shop reject`: where a person decides about risky orders."""

import json
from typing import Annotated
from urllib.parse import quote

import typer
from rich.console import Console, Group
from rich.markup import escape

from cli.output import ByOption, JsonOption, age, login_name, say, table
from cli.shop.timeline import coloured
from cli.shop_client import ShopClient, read, shop_url, shown_as_json
from shared.money import money
from shared.shop.views import ApprovalView

OrderArgument = Annotated[str, typer.Argument(help="An order's id.")]


def approvals(*, as_json: JsonOption = False) -> None:
    """List the risky orders that wait for approval, the longest waiting first."""
    waiting = list(ShopClient(shop_url()).items(ApprovalView, "/approvals"))
    if as_json:
        say(shown_as_json(waiting))
        return
    if not waiting:
        say("no order waits for approval")
        return
    shown = table("order", "waits", "until UTC", "score", "at risk", id_width=len("ord-") + 32, wraps=False)
    for order in waiting:
        score = "none" if order.score is None else f"{order.score:.2f}"
        at_risk = money(order.amount_at_risk_cents, order.currency)
        until = f"{order.due_at:%m-%d %H:%M}"
        shown.add_row(order.order_id, age(order.age_seconds), until, score, at_risk)
    reasons = [f"{order.order_id}: {escape(order.why)}" for order in waiting]
    Console().print(Group(shown, *reasons))


def approve(
    order_id: OrderArgument,
    *,
    by: ByOption = None,
    reason: Annotated[str, typer.Option(help="Why it is harmless; it stays on the record.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Let a risky order go on."""
    _decide(order_id, "approve", by, reason, as_json=as_json)


def reject(
    order_id: OrderArgument,
    *,
    reason: Annotated[str, typer.Option(help="Why; it stays on the record, and the customer doesn't read it.")],
    by: ByOption = None,
    as_json: JsonOption = False,
) -> None:
    """Turn a risky order down: nothing was charged, and nothing will be."""
    _decide(order_id, "reject", by, reason, as_json=as_json)


def _decide(order_id: str, decision: str, by: str | None, reason: str, *, as_json: bool) -> None:
    body = json.dumps({"decision": decision, "by": by or login_name(), "reason": reason})
    path = f"/orders/{quote(order_id, safe='')}/approval"
    decided = read(ApprovalView, ShopClient(shop_url()).call("POST", path, body))
    if as_json:
        say(shown_as_json(decided))
        return
    why = f": {escape(decided.reason)}" if decided.reason else ""
    Console().print(f"{order_id} {coloured(decided.state)} by {escape(decided.by or '')}{why}")
    say(f"`shop show --follow {order_id}` shows what becomes of it")
