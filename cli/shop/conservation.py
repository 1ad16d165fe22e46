"""`shop conservation` and `shop reconcile`: do the books and the workflows add up?"""

from collections.abc import Iterator
from typing import Final

import typer

from cli.output import TIME, JsonOption, say
from cli.shop_client import ShopClient, shop_url, shown_as_json
from shared.contracts.repair import amount_of
from shared.money import money
from shared.shop.reports import ConservationReport, ConservationVerdict, HandClosing, ReconciliationReport

NEXT_STEPS: Final = (
    "what to do: `shop show ORDER` shows what became of an order, `shop reconcile` finds what no order or no workflow "
    "stands for, and docs/failures.md says how each failure should have ended"
)
RESOLVED_SHOWN: Final = 10


def conservation(*, as_json: JsonOption = False) -> None:
    """Check that no cent, unit or parcel was lost or doubled; exit code 0 if so."""
    report = ShopClient(shop_url()).conservation()
    if as_json:
        say(shown_as_json(report))
    else:
        for name, value in report:
            if isinstance(value, int) and not isinstance(value, bool):
                say(f"{name.replace('_', ' '):20} {value:>16,}")
            elif name.endswith("_cents"):
                amounts = [money(amount, currency) for currency, amount in sorted(value.items())]
                say(f"{name.removesuffix('_cents').replace('_', ' '):20} {', '.join(amounts) or '-':>16}")
        for closing in report.closed_by_hand:
            say(by_hand(closing))
        for line in verdict(report):
            say(line)
        if not report.holds:
            say(NEXT_STEPS)
    if not report.holds:
        raise typer.Exit(1)


def by_hand(closing: HandClosing) -> str:
    """What a person closed instead of its compensation, in a line."""
    what = amount_of(closing.amount, closing.unit)
    return (
        f"{closing.status.replace('_', ' ')} by hand: {closing.order_id} {closing.step}: {what} "
        f"by {closing.by} at {closing.closed_at:{TIME}}: {closing.note}"
    )


def verdict(found: ConservationVerdict) -> list[str]:
    """Each violation in a line, and the conclusion."""
    checked = f" ({len(found.rules)} rules)" if isinstance(found, ConservationReport) else ""
    if found.holds:
        return [f"conservation holds{checked}"]
    violations = [f"violated: {one.rule}: {one.subject}: {one.detail}" for one in found.violations]
    return [*violations, f"conservation does NOT hold: {len(violations)} violations{checked}"]


def reconcile(*, as_json: JsonOption = False) -> None:
    """Show what no order or no workflow stands for, and what is done about it; exit code 0 if there is nothing."""
    report = ShopClient(shop_url()).reconciliation()
    if as_json:
        say(shown_as_json(report))
    else:
        for line in findings(report):
            say(line)
    if not report.reconciled:
        raise typer.Exit(1)


def findings(report: ReconciliationReport) -> Iterator[str]:
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
