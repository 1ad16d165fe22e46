"""`shop reconcile`."""

import json
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from cli.output import say
from cli.shop_client import ShopClient, shop_url

RESOLVED_SHOWN = 10


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(reconcile)


def reconcile(*, as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Show what no order or no workflow stands for, and what is done about it; exit code 0 if there is nothing."""
    report = ShopClient(shop_url()).reconciliation()
    if as_json:
        say(json.dumps(report, indent=2))
    else:
        for line in lines(report):
            say(line)
    if not report["reconciled"]:
        raise typer.Exit(1)


def lines(report: dict[str, Any]) -> Iterator[str]:
    """The findings as a person reads them, and the conclusion."""
    for one in report["findings"]:
        yield f"found: {one['kind']}: {one['subject']} (since {one['first_seen_at']})"
        for title, name in (("seen", "seen"), ("matters", "why"), ("done", "action"), ("to do", "advice")):
            if one[name]:
                yield f"  {title:8} {one[name]}"
    for one in report["resolved"][:RESOLVED_SHOWN]:
        yield f"resolved at {one['resolved_at']}: {one['kind']}: {one['subject']}: {one['action'] or one['seen']}"
    if report["skipped"]:
        yield f"not looked at: {report['skipped']}"
    if report["reconciled"]:
        yield f"reconciled: nothing found (last sweep {report['swept_at']})"
    else:
        yield f"NOT reconciled: {len(report['findings'])} findings (last sweep {report['swept_at']})"
