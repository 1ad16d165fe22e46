"""`shop reconcile`."""

from collections.abc import Iterator

import typer

from cli.output import TIME, JsonOption, say
from cli.shop_client import ShopClient, shop_url, shown_as_json
from shared.shop.reports import ReconciliationReport

RESOLVED_SHOWN = 10


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(reconcile)


def reconcile(*, as_json: JsonOption = False) -> None:
    """Show what no order or no workflow stands for, and what is done about it; exit code 0 if there is nothing."""
    report = ShopClient(shop_url()).reconciliation()
    if as_json:
        say(shown_as_json(report))
    else:
        for line in lines(report):
            say(line)
    if not report.reconciled:
        raise typer.Exit(1)


def lines(report: ReconciliationReport) -> Iterator[str]:
    """The findings as a person reads them, and the conclusion."""
    for one in report.findings:
        yield f"found: {one.kind}: {one.subject} (since {one.first_seen_at:{TIME}})"
        for title, text in (("seen", one.seen), ("matters", one.why), ("done", one.action), ("to do", one.advice)):
            if text:
                yield f"  {title:8} {text}"
    for one in report.resolved[:RESOLVED_SHOWN]:
        yield f"resolved at {one.resolved_at:{TIME}}: {one.kind}: {one.subject}: {one.action or one.seen}"
    if report.skipped:
        yield f"not looked at: {report.skipped}"
    found = "reconciled: nothing found" if report.reconciled else f"NOT reconciled: {len(report.findings)} findings"
    yield f"{found} (last sweep {'never' if report.swept_at is None else f'{report.swept_at:{TIME}}'})"
